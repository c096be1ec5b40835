"""Every false alarm, and every false pass, that is known of other tools: what this one says in the same place.

Those that arise in its own words are tested below. The others are held where the check is tested; here is which test it is.

Internet.nl
    1025, a wildcard below _domainkey passes for a key:
        tests/checks/test_dkim_key_published.py::test_a_wildcard_below_domainkey_is_no_key
    854, a record that was not answered is called missing:
        tests/checks/test_dmarc_valid.py::test_a_record_that_could_not_be_asked_is_no_missing_record
    1703, a zone is called bogus because it is dead:
        tests/checks/test_dnssec_not_bogus.py::test_a_dead_zone_is_unknown_not_bogus
    400, 727, 1183, 1914, a server that limits connections is judged:
        tests/probes/test_dialogue.py::test_too_many_connections_are_answered_by_waiting_longer_each_time
checkdmarc
    94, 197, 211, look-ups and void look-ups are counted wrongly:
        tests/checks/test_spf_lookups_within_limit.py::test_three_terms_that_lead_nowhere_fail
        tests/checks/test_spf_lookups_within_limit.py::test_a_name_with_only_ipv6_is_not_void
        tests/checks/test_spf_lookups_within_limit.py::test_servfail_is_no_void_lookup
        tests/checks/test_spf_lookups_within_limit.py::test_lookups_of_a_repeated_include_count_each_time
Mail-in-a-Box
    185, 2127, 2184, 2288 (docker-mailserver 3069), 127.255.255.x is read as a listing:
        tests/checks/test_not_blocklisted.py::test_a_list_that_refuses_the_resolver_is_unknown_neither_clean_nor_listed
    2426 (modoboa and mailcow-logs-viewer alike), IPv6 is not asked by nibbles:
        tests/checks/test_not_blocklisted.py::test_ipv6_is_asked_by_nibbles
    status_checks.py, abuse@ is created and never asked for; RFC 2142 wants it at the organisation's domain only:
        tests/checks/test_abuse_accepted.py::test_a_subdomain_need_not_have_it
Lynis
    334, greetings that give nothing away raise an alarm:
        tests/checks/test_banner_discreet.py::test_the_name_of_the_program_alone_does_no_harm
    656, Exim without a certificate file is said to have none:
        tests/checks/test_keys_inside.py::test_exim_without_a_file_makes_its_own_certificate
nmap
    smtp-open-relay.nse, 530 "must issue STARTTLS first" is taken for a refusal:
        tests/checks/test_relay_closed.py::test_being_told_to_use_starttls_is_no_refusal_but_asked_again_within_tls
        tests/checks/test_relay_closed.py::test_being_told_to_use_starttls_that_fails_leaves_the_question_open
    the same, sixteen questions in one session end in 421:
        tests/probes/test_dialogue.py::test_a_server_that_forgives_few_errors_is_asked_in_smaller_portions
    the same, forms that name the server itself are taken by a catch-all domain:
        tests/checks/test_relay_rewritten_closed.py::test_a_catch_all_domain_may_take_any_local_part_and_proves_no_relay
    2228, silence is taken for an answer:
        tests/checks/test_relay_closed.py::test_an_answer_that_is_none_is_unknown_with_its_reason
    dnsbl.lua, lists that were closed are asked:
        tests/checks/test_not_blocklisted.py::test_dead_lists_are_never_asked
testssl.sh
    954, 2089, 2098, tarpits and 421 break the run:
        tests/probes/test_dialogue.py::test_a_tarpit_that_feeds_one_line_at_a_time_ends_by_the_clock_of_the_reply
    1734, 1832, opportunistic TLS is graded like a web shop:
        tests/checks/test_tls_protocols_modern.py::test_between_servers_old_tls_is_better_than_none
        tests/checks/test_tls_certificate_valid.py::test_each_fault_is_named_and_weighs_little_between_servers
    1930, the scanner is blocklisted for its connections:
        tests/probes/test_visits.py::test_a_scan_of_a_host_with_one_address_takes_ten_connections
ComplianceAsCode
    postfix_prevent_unrestricted_relay, mynetworks 0.0.0.0/0 passes:
        tests/checks/test_mta.py::test_networks_beyond_what_was_declared_fail
EDCA
    a missing permission is a failure:
        tests/test_unknown_is_never_fine_inside.py::test_every_check_that_looks_inside_is_unknown_with_the_reason
        tests/inside/test_program.py::test_without_root_what_needs_it_is_a_missing_privilege_and_the_rest_runs
mailcow
    4298, the alarm is sent through the server that is ill:
        tests/checks/test_contacts_independent.py::test_only_mailboxes_of_the_platform_fail
YunoHost
    1623 (modoboa 921, 1542, 2679), a closed list answers "listed" to everybody:
        tests/checks/test_not_blocklisted.py::test_a_zone_that_lists_everything_is_not_believed
pydnsbl
    27 (check_rbl 19, 45), whatever a rewriting resolver says is a listing:
        tests/checks/test_not_blocklisted.py::test_a_resolver_that_rewrites_answers_lists_nobody
hardenize-public
    2, 74 (trustymail 46), a scanner that is shut out calls the server bad:
        tests/checks/test_abuse_accepted.py::test_a_refusal_of_the_scanner_is_no_refusal_of_complaints
    41, several MTA-STS records pass:
        tests/checks/test_mta_sts_valid.py::test_two_records_fail
nl-kat
    4775, a selector that cannot be guessed is called missing:
        tests/checks/test_dkim_key_published.py::test_an_unguessable_selector_is_unknown_not_missing
MailAudit
    MailAudit.sh, nothing is said when the relay is open:
        tests/checks/test_relay_closed.py::test_a_server_that_takes_anything_fails_with_the_first_hole_in_the_summary
hannob/smtpsmug
    8, sequences that cannot be told apart are counted as smuggling:
        tests/checks/test_bare_newline_refused.py::test_one_answer_to_one_message_is_right
virtualmin-gpl
    116, 803, 1207, a renewal breaks TLSA without a warning:
        tests/checks/test_dane_rollover_ready.py::test_a_hash_of_the_certificate_alone_fails
OpenSMTPD 289, stalwartlabs/smtp-proto 10
    <Postmaster> without a domain is refused:
        tests/checks/test_postmaster_accepted.py::test_that_only_the_bare_form_is_refused_is_a_small_fault
"""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.checks import (
    dkim_key_published,
    dmarc_policy_enforced,
    dmarc_valid,
    mta_sts_valid,
    not_blocklisted,
    reverse_dns_confirmed,
    spf_policy_restrictive,
    spf_single_valid_record,
    tls_rpt_published,
    trusted_networks_narrow,
)
from auditor.evidence import postfix
from auditor.evidence.dns import HostAddresses
from auditor.evidence.mta import Mta
from auditor.evidence.mta_settings import MtaSettings, trusted_networks
from auditor.evidence.mta_sts import MtaSts, TlsReporting
from auditor.model import (
    Failed,
    Host,
    NotApplicable,
    Options,
    Passed,
    Reason,
    Severity,
    Status,
)
from auditor.probes.blocklists import blocklist_answers
from auditor.probes.reverse import reverse_names
from auditor.registry import load
from tests.certificates import leaf, session
from tests.dns_evidence import PARKED, SENDS, keys, mx, policy, spf, zone
from tests.mail_server import MailServer, hosts, network
from tests.scanning import HOST, OPTIONS, find
from tests.scripted import ScriptedNetwork, answer

ROOT = Path(__file__).parent.parent
ELSEWHERE = re.findall(r"(tests/[\w/]+\.py)::(\w+)", __doc__)
STRANGE_NAME = "550 5.7.1 <scanner.example.net>: Helo command rejected: Host not found"


def test_the_tests_named_above_are_many_and_named_once():
    assert len(ELSEWHERE) > 35
    assert len(set(ELSEWHERE)) == len(ELSEWHERE)


@pytest.mark.parametrize(("file", "name"), ELSEWHERE)
def test_every_test_that_is_named_above_exists(file: str, name: str):
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


async def test_a_certificate_that_is_bad_in_every_way_is_no_missing_starttls():
    """See checkdmarc 138: offered, shaken hands and trusted are three facts, and only the third is missing."""
    faulty = session(leaf("vm", issuer="vm", days=-30), trusted=False)
    server = MailServer(handshake=faulty)
    assert (await find("starttls-offered", network(smtp=server))).status is Status.PASSED
    finding = await find("tls-certificate-valid", network(smtp=server))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.MEDIUM)


async def test_a_self_signed_mx_with_dane_is_as_it_should_be():
    """RFC 7672 section 3.1.1; a tool that asks for a public authority here sends people the wrong way."""
    der = leaf(HOST.name, issuer=HOST.name)
    here = network(smtp=MailServer(handshake=session(der, trusted=False)))
    name = f"_25._tcp.{HOST.name}"
    record = answer(name, "TLSA", f"3 0 1 {hashlib.sha256(der).hexdigest()}", secure=True)
    address = answer(HOST.name, "A", "198.51.100.10", secure=True)
    here.resolver.table = {**here.resolver.table, (name, "TLSA"): record, (HOST.name, "A"): address}
    assert (await find("tls-certificate-valid", here)).status is Status.PASSED
    assert (await find("dane-matches", here)).status is Status.PASSED


@pytest.mark.parametrize(
    "check",
    [
        "smtp-transaction-completes",
        "starttls-offered",
        "starttls-injection-refused",
        "auth-after-tls-only",
        "tls-certificate-valid",
        "tls-protocols-modern",
        "relay-closed",
        "postmaster-accepted",
        "recipients-not-enumerable",
    ],
)
async def test_a_strict_server_that_refuses_our_name_shows_nothing_of_itself(check: str):
    """See sslyze 606: such a server offers us neither STARTTLS nor AUTH, which is no word about what it offers others."""
    server = MailServer(
        verbs={"EHLO scanner.example.net": STRANGE_NAME, "HELO scanner.example.net": STRANGE_NAME}
    )
    finding = await find(check, network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.PROBER_REFUSED)
    assert server.log.count("QUIT") == server.connections


@pytest.mark.parametrize("check", ["starttls-offered", "tls-certificate-valid", "starttls-injection-refused"])
@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (MailServer(starttls="421 4.7.0 Too many connections\nHANGUP"), Reason.RATE_LIMITED),
        (MailServer(verbs={"EHLO": "421 4.7.0 Too many connections\nHANGUP"}), Reason.RATE_LIMITED),
        (MailServer(banner="421 4.7.0 Too many connections"), Reason.RATE_LIMITED),
    ],
    ids=["STARTTLS", "EHLO", "greeting"],
)
async def test_421_wherever_it_comes_is_no_word_about_tls(check: str, server: MailServer, reason: Reason):
    """Internet.nl 400, testssl.sh 2098: "no STARTTLS" and "nothing to ask" are both wrong."""
    finding = await find(check, network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)


async def test_a_server_that_hangs_up_before_starttls_is_not_one_without_tls():
    """testssl.sh 954: it was offered, and nobody has seen the certificate."""
    finding = await find("tls-certificate-valid", network(smtp=MailServer(hangs_up_after=4)))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.CONNECTION_LOST)


async def test_a_relay_that_lies_behind_many_questions_is_found_although_the_server_hangs_up():
    """See nmap's smtp-open-relay.nse: after 421 the rest of the session is counted as refused."""
    server = MailServer(
        rcpt=lambda helo, sender, recipient, tls: (
            "250 Ok"
            if helo == "example.org"
            else hosts("postmaster@example.org")(helo, sender, recipient, tls)
        ),
        hangs_up_after=9,
    )
    finding = await find("relay-closed", network(smtp=server))
    assert finding.status is Status.FAILED


@pytest.mark.parametrize(
    "reply",
    [
        "252 2.1.5 Cannot VRFY user, but will accept message",
        "554 5.7.1 VRFY refused",
        "502 5.5.1 VRFY command is disabled",
        "550 5.7.1 not permitted",
    ],
)
async def test_one_answer_to_vrfy_for_everybody_tells_nothing(reply: str):
    """See nmap pull request 2325 and chatmail/relay 205: 252 is right, 554 is a refusal of the command, not of a mailbox."""
    finding = await find("recipients-not-enumerable", network(smtp=MailServer(verbs={"VRFY": reply})))
    assert finding.status is Status.PASSED


async def test_vrfy_is_asked_whatever_addresses_the_configuration_names():
    """Lynis tests it only where inet_interfaces is the one word "all": a list of addresses passes unseen."""
    registry = load()
    assert not registry.looks_inside(registry.checks["recipients-not-enumerable"])
    talks = {
        "VRFY postmaster@example.org": "250 2.1.5 Postmaster <postmaster@example.org>",
        "VRFY": "550 5.1.1 User unknown",
    }
    finding = await find("recipients-not-enumerable", network(smtp=MailServer(verbs=talks)))
    assert finding.status is Status.FAILED


def test_a_setting_over_several_lines_is_read_to_its_last_line():
    """ComplianceAsCode pull request 14394 reads main.cf line by line; postconf is asked here, which joins them."""
    printed = "inet_interfaces = 127.0.0.1,    198.51.100.10\nmynetworks = 127.0.0.0/8     0.0.0.0/0\n"
    settings = MtaSettings(
        mta=Mta.POSTFIX, postfix=postfix.PostfixSettings(main=postfix.parse_parameters(printed))
    )
    verdict = trusted_networks_narrow.judge(trusted_networks(settings, ("198.51.100.10",)), HOST)
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.CRITICAL


def test_closing_the_relay_does_not_close_port_25_to_the_world():
    """ComplianceAsCode's postfix_prevent_unrestricted_relay refuses all clients, and so all mail from outside."""
    role = ROOT / "playbooks" / "roles" / "close_relay"
    texts = [p.read_text() for p in role.rglob("*") if p.is_file()]
    assert any("smtpd_relay_restrictions" in text for text in texts)
    assert not any("smtpd_client_restrictions" in text for text in texts)


@pytest.mark.parametrize(
    ("ptr", "leads_to"),
    [
        ("mx.example.org.elsewhere.example", "198.51.100.9"),
        ("mx.example.org", "192.0.2.10"),
        ("mx.example.org", "92.0.2.1"),
    ],
    ids=["the host's name within another", "a longer address", "a shorter address"],
)
async def test_a_ptr_name_that_merely_looks_like_ours_is_not_confirmed(ptr: str, leads_to: str):
    """See cnspec's mondoo-email-security: it compares parts of words; confirmed is what leads back to this address."""
    here = zone({"1.2.0.192.in-addr.arpa PTR": ptr, f"{ptr} A": leads_to})
    names = await reverse_names(Host(name="mx.example.org"), HostAddresses(v4=("192.0.2.1",)), here)
    assert isinstance(reverse_dns_confirmed.judge(names), Failed)


async def blocklisted(list_name: str, *codes: str, test_point: str = "127.0.0.2"):
    table = {f"2.0.0.127.{list_name} A": test_point}
    if codes:
        table[f"1.100.51.198.{list_name} A"] = codes
    answers = await blocklist_answers(
        Host(name="mx.example.org"),
        HostAddresses(v4=("198.51.100.1",)),
        zone(table),
        Options(dnsbl=(list_name,)),
    )
    return not_blocklisted.judge(answers)


@pytest.mark.parametrize("code", ["127.0.0.30", "127.0.0.16", "127.0.0.255", "127.0.2.2"])
async def test_a_last_octet_above_15_is_a_listing_too(code: str):
    """See modoboa's dns_checker.py: it counts it as clean."""
    assert isinstance(await blocklisted("bl.example", code), Failed)


async def test_a_list_that_lists_its_test_point_is_alive_and_not_broken():
    """mailcow-logs-viewer 102 has RFC 5782 section 5 the wrong way round: 127.0.0.2 must be listed."""
    assert isinstance(await blocklisted("bl.example"), Passed)


@pytest.mark.parametrize(
    "codes", [("127.0.0.1",), ("127.0.0.3",), ("127.0.0.5",), ("127.0.1.1", "127.0.0.3")]
)
async def test_a_list_that_praises_an_address_does_not_list_it(codes: tuple[str, ...]):
    """YunoHost 1873, pull requests 2245 and 2333: Hostkarma answers for good senders as well."""
    assert isinstance(await blocklisted("hostkarma.junkemailfilter.com", *codes), Passed)


async def test_the_same_list_is_believed_where_it_does_list():
    found = await blocklisted("hostkarma.junkemailfilter.com", "127.0.1.1", "127.0.0.2")
    assert isinstance(found, Failed)
    assert found.observed[0]["codes"] == "127.0.0.2"


async def test_a_relay_that_is_open_over_ipv6_alone_is_reported_with_that_address():
    """See mailcow's watchdog.sh: it prints what the server said over IPv4."""
    closed, opened = MailServer(), MailServer(rcpt=lambda *_: "250 Ok")
    servers = {("198.51.100.10", 25): closed, ("2001:db8::25", 25): opened}
    here = network()
    here = ScriptedNetwork(
        {**here.resolver.table, (HOST.name, "AAAA"): ("2001:db8::25",)},
        dial=lambda address, port: servers.get((address, port), closed).stream(implicit=port == 465),
    )
    finding = await find("relay-closed", here)
    assert finding.status is Status.FAILED
    assert "2001:db8::25 port 25" in finding.summary
    assert {fact["address"] for fact in finding.observed} == {"2001:db8::25"}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("452 4.5.3 Too many recipients", Reason.RATE_LIMITED),
        ("450 4.7.1 Error: too much mail from 203.0.113.10", Reason.RATE_LIMITED),
        ("451 4.7.1 Greylisting in action, please come back later", Reason.GREYLISTED),
        ("421 4.7.0 Error: too many errors\nHANGUP", Reason.RATE_LIMITED),
    ],
)
@pytest.mark.parametrize("check", ["postmaster-accepted", "abuse-accepted", "security-accepted"])
async def test_a_mailbox_that_was_not_taken_just_now_is_not_missing(check: str, reply: str, reason: Reason):
    """contact.sh 8: asking for many role addresses at once was throttled, and all of them were called absent."""
    finding = await find(check, network(smtp=MailServer(rcpt=lambda *_: reply)))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)


async def test_no_line_of_the_message_is_sent_where_its_recipient_was_refused():
    """See mxcheck: it sends on after a refused RCPT: its lines run as commands, are answered 250, and count as smuggling."""
    server = MailServer(rcpt=lambda *_: "554 5.7.1 Relay access denied")
    options = replace(OPTIONS, canary="canary@collector.example")
    finding = await find("bare-newline-refused", network(smtp=server), options=options)
    assert finding.status is Status.UNKNOWN
    assert not any(line == "DATA" or "NOOP" in line or line.startswith("Subject") for line in server.log)


async def test_an_spf_record_without_all_beside_no_dmarc_is_open_to_forgery():
    """Spoofy 28: "spoofing is not possible", because what is not written is not looked at."""
    tree = await spf("v=spf1 ip4:192.0.2.1 exists:%{i}.spf.example")
    assert isinstance(spf_policy_restrictive.judge(tree), Failed)
    assert isinstance(dmarc_valid.judge(await policy()), Failed)


async def test_a_redirect_is_followed_before_the_end_of_the_record_is_judged():
    """Spoofy 26: a record without "all" that redirects ends as the other record ends, well or badly."""
    for other, kind in (("v=spf1 ip4:192.0.2.1 -all", Passed), ("v=spf1 ip4:192.0.2.1 ?all", Failed)):
        tree = await spf("v=spf1 redirect=spf.example", **{"spf.example TXT": other})
        assert isinstance(spf_policy_restrictive.judge(tree), kind)


async def test_a_strict_spf_record_does_not_make_p_none_a_protection():
    """Spoofy 26 and 28, the other way round: what users see is the From line, and only DMARC looks at that."""
    assert isinstance(spf_policy_restrictive.judge(await spf("v=spf1 ip4:192.0.2.1 -all")), Passed)
    assert isinstance(dmarc_policy_enforced.judge(await policy("v=DMARC1; p=none"), SENDS), Failed)


@pytest.mark.parametrize("record", ["v=spf1  ip4:192.0.2.1   -all", "v=spf1 ip4:192.0.2.1 -all "])
async def test_spaces_in_an_spf_record_are_no_fault(record: str):
    """See checkdmarc 258; RFC 7208 section 4.5 and 12 allow several, and some at the end."""
    assert isinstance(spf_single_valid_record.judge(await spf(record)), Passed)


@pytest.mark.parametrize(
    "record",
    ["v=DMARC1;p=reject", "v=DMARC1 ; p = reject ;", "v=DMARC1;  p=reject; rua = mailto:d@example.org ; "],
)
async def test_spaces_in_a_dmarc_record_are_no_fault(record: str):
    """See checkdmarc 258; RFC 9989 section 4.8 allows them around "=" and ";"."""
    seen = await policy(record)
    assert isinstance(dmarc_valid.judge(seen), Passed)
    assert isinstance(dmarc_policy_enforced.judge(seen, SENDS), Passed)


async def test_a_record_with_too_many_lookups_is_still_read_to_its_end():
    """See checkdmarc 18, 112, 129: with the limit exceeded, nothing else was told of the record."""
    terms = " ".join(f"a:a{n}.example" for n in range(11))
    found = {f"a{n}.example A": "192.0.2.1" for n in range(11)}
    assert isinstance(spf_policy_restrictive.judge(await spf(f"v=spf1 {terms} +all", **found)), Failed)
    assert isinstance(spf_policy_restrictive.judge(await spf(f"v=spf1 {terms} -all", **found)), Passed)


async def test_a_domain_that_neither_sends_nor_takes_mail_is_not_held_to_what_mail_needs():
    """Internet.nl 249 and 532, Zonemaster 754: null MX, "v=spf1 -all" and p=reject are all that it owes."""
    exchangers = await mx("0 .")
    assert isinstance(dkim_key_published.judge(await keys(), PARKED), NotApplicable)
    assert isinstance(mta_sts_valid.judge(MtaSts(), exchangers), NotApplicable)
    assert isinstance(tls_rpt_published.judge(TlsReporting(), exchangers), NotApplicable)
    here = network(smtp=MailServer())
    here.resolver.table = {**here.resolver.table, ("example.org", "MX"): ("0 .",)}
    for check in ("postmaster-accepted", "abuse-accepted", "hostmaster-accepted", "mx-redundant"):
        assert (await find(check, here)).status is Status.NOT_APPLICABLE
