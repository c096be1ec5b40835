"""What the DNS did not say is unknown, with its reason: no check passes or fails on it.

Two worlds, one where all is well and one where all is wrong. Every question that a check asks is lost once, in each
way in which questions are lost. Then the good world never fails a check, and the bad one never passes one.
"""

from dataclasses import replace

import pytest

from auditor.evidence.dns import Answer
from auditor.model import Declared, Reason, Status
from auditor.net import CannotLook
from tests.dns_evidence import rsa
from tests.mail_server import MailServer, network
from tests.scanning import DOMAIN, HOST, OPTIONS, find
from tests.scripted import ScriptedNetwork, ScriptedResolver, answer

LOST = (Reason.TIMEOUT, Reason.SERVFAIL, Reason.DNS_REFUSED)
CHECKS = (
    "spf-single-valid-record",
    "spf-lookups-within-limit",
    "spf-policy-restrictive",
    "spf-covers-egress",
    "dkim-key-published",
    "dkim-key-strong",
    "dkim-not-testing",
    "dmarc-valid",
    "dmarc-policy-enforced",
    "dmarc-reports-authorised",
    "dmarc-report-mailbox-accepts",
    "mta-sts-valid",
    "tls-rpt-published",
    "dane-matches",
    "mx-hosts-resolve",
    "mx-not-alias",
    "mx-redundant",
    "mx-ttl-failover-ready",
    "reverse-dns-confirmed",
    "helo-name-resolves",
    "nameservers-redundant",
    "dnssec-not-bogus",
    "mail-names-not-dangling",
    "ipv6-parity",
    "not-blocklisted",
    "contacts-independent",
    "null-mx-consistent",
)
MAY_BE_ABSENT = ("mta-sts-covers-mx", "dane-rollover-ready", "backup-mx-queues")
"""About what few domains have, none of the worlds below among them: only that nothing is known without an answer."""
PTR_V6 = "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
GOOD = {
    "example.org MX": ("10 mx1.example.org.", "20 mx2.example.org."),
    "example.org TXT": ("v=spf1 mx include:spf.provider.example -all",),
    "spf.provider.example TXT": ("v=spf1 ip4:203.0.113.0/25 -all",),
    "spf.provider.example A": ("203.0.113.1",),
    "example.org NS": ("ns1.example.net.", "ns2.example.net."),
    "example.org DS": ("1 13 2 00",),
    "example.org SOA": ("ns1.example.net. noc.other.example. 1 2 3 4 5",),
    "other.example MX": ("10 mx.other.example.",),
    "ns1.example.net A": ("192.0.2.53",),
    "ns2.example.net A": ("203.0.113.53",),
    "mx1.example.org A": ("198.51.100.10",),
    "mx1.example.org AAAA": ("2001:db8::10",),
    "mx2.example.org A": ("203.0.113.11",),
    "mx2.example.org AAAA": ("2001:db8:2::11",),
    "10.100.51.198.in-addr.arpa PTR": ("mx1.example.org.",),
    f"{PTR_V6} PTR": ("mx1.example.org.",),
    "june._domainkey.example.org TXT": (rsa(),),
    "_dmarc.example.org TXT": ("v=DMARC1; p=reject; rua=mailto:a@reports.example",),
    "_dmarc.reports.example TXT": ("v=DMARC1; p=reject",),
    "reports.example MX": ("10 mx.reports.example.",),
    "example.org._report._dmarc.reports.example TXT": ("v=DMARC1",),
    "_smtp._tls.example.org TXT": ("v=TLSRPTv1; rua=mailto:tls@example.org",),
    "mta-sts.example.org CNAME": ("sts.provider.example.",),
    "sts.provider.example A": ("203.0.113.80",),
    "2.0.0.127.bl.example A": ("127.0.0.2",),
    "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example A": ("127.0.0.2",),
}
BAD = {
    "example.org MX": ("10 mx1.example.org.", "20 gone.example."),
    "example.org TXT": ("v=spf1 include:gone.example a:a.gone.example a:b.gone.example +all",),
    "example.org NS": ("ns1.example.net.",),
    "ns1.example.net A": ("192.0.2.53",),
    "mx1.example.org A": ("198.51.100.10",),
    "weak._domainkey.example.org TXT": ("v=DMARC1; p=x",),
    "_dmarc.example.org TXT": ("v=DMARC1; p=none; rua=mailto:a@reports.example",),
    "example.org SOA": ("ns1.example.net. noc.example.org. 1 2 3 4 5",),
    "2.0.0.127.bl.example A": ("127.0.0.2",),
    "10.100.51.198.bl.example A": ("127.0.0.2",),
    "example NS": ("ns.example.",),
}


PARKED = {
    "example.org MX": ("0 .",),
    "example.org TXT": ("v=spf1 -all",),
    "_dmarc.example.org TXT": ("v=DMARC1; p=quarantine",),
    "example.org NS": ("ns1.example.net.", "ns2.example.net."),
    "ns1.example.net A": ("192.0.2.53",),
    "ns2.example.net A": ("203.0.113.53",),
    "mx1.example.org A": ("198.51.100.10",),
    "2.0.0.127.bl.example A": ("127.0.0.2",),
}
WORLDS = {"all is well": GOOD, "all is wrong": BAD, "no mail at all": PARKED}


class Losing(ScriptedResolver):
    """One question is lost."""

    lost: tuple[tuple[str, str], Reason] | None = None

    async def ask(self, name: str, kind: str, *, checking_disabled: bool = False) -> Answer:
        if self.lost is not None and self.lost[0] == (name, kind):
            raise CannotLook(self.lost[1], f"{kind} {name}: lost")
        return await super().ask(name, kind, checking_disabled=checking_disabled)


def world(
    table: dict[str, tuple[str, ...]], lost: tuple[tuple[str, str], Reason] | None = None
) -> ScriptedNetwork:
    """SMTP is well everywhere; the DNS is the table, secure throughout, save for the question that is lost."""
    here = network(smtp=MailServer(banner="220 mx1.example.org ESMTP"))
    said: dict[tuple[str, str], Answer] = {}
    for key, records in table.items():
        name, kind = key.split()
        said[name, kind] = replace(answer(name, kind, *records), secure=True)
    here.resolver = Losing(said)
    here.resolver.lost = lost
    return here


class Deaf(dict):
    """Every question is lost in the same way."""

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self._reason = reason

    def get(self, key, default=None):
        return CannotLook(self._reason, f"{key[1]} {key[0]}: lost")


def declared(table: dict[str, tuple[str, ...]]) -> dict[str, object]:
    selectors = {id(GOOD): ("june",), id(BAD): ("weak",)}.get(id(table), ())
    said = Declared(domains=("example.org",), dkim_selectors=selectors)
    return {
        "host": replace(HOST, declared=said),
        "domain": replace(DOMAIN, hosts=("mx1.example.org",), declared=said),
        "options": replace(OPTIONS, dnsbl=("bl.example",)),
    }


@pytest.mark.parametrize("reason", LOST)
@pytest.mark.parametrize("check", [*CHECKS, *MAY_BE_ABSENT])
async def test_without_any_answer_nothing_is_known(check, reason):
    here = world(GOOD)
    here.resolver.table = Deaf(reason)
    finding = await find(check, here, **declared(GOOD))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason), finding.summary


@pytest.mark.parametrize("table", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("check", CHECKS)
async def test_one_lost_question_turns_no_verdict_into_another(check, table):
    whole = world(table)
    before = await find(check, whole, **declared(table))
    for question in dict.fromkeys(whole.resolver.asked):
        for reason in LOST:
            finding = await find(check, world(table, (question, reason)), **declared(table))
            assert finding.status in (before.status, Status.UNKNOWN), (question, finding.summary)
            if finding.status is Status.UNKNOWN and before.status is not Status.UNKNOWN:
                assert finding.reason is reason, (question, finding.summary)


async def test_the_worlds_are_what_they_claim_to_be():
    """Else the test above would prove nothing."""
    good = [(await find(check, world(GOOD), **declared(GOOD))).status for check in CHECKS]
    bad = [(await find(check, world(BAD), **declared(BAD))).status for check in CHECKS]
    assert good.count(Status.PASSED) >= 24
    assert bad.count(Status.FAILED) >= 17
    assert Status.UNKNOWN not in good + bad
    assert Status.CRASH not in good + bad
