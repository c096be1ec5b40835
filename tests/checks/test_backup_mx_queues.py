import pytest

from auditor.checks.backup_mx_queues import judge
from auditor.evidence.backup_mx import backup_hosts
from auditor.evidence.role_addresses import RoleReplies, RoleReply
from auditor.evidence.smtp import Transaction
from auditor.model import (
    Declared,
    Domain,
    Failed,
    Inconclusive,
    NotApplicable,
    Options,
    Passed,
    PerHost,
    Reason,
    Unavailable,
)
from auditor.net import CannotLook
from auditor.probes.backup_mx import backup_replies
from auditor.probes.mx import mail_exchangers
from tests.evidence.test_refusals import reply
from tests.mail_server import MailServer, hosts
from tests.scripted import ScriptedNetwork

NOBODY: PerHost[RoleReplies] = PerHost()
TWO = ("10 mx1.example.org.", "20 mx2.example.net.")


def world(dial, records=TWO):
    table = {
        ("example.org", "MX"): records,
        ("mx1.example.org", "A"): ("198.51.100.10",),
        ("mx2.example.net", "A"): ("203.0.113.20",),
    }
    return ScriptedNetwork(table, dial=dial)


async def verdict(server=None, *, records=TWO, declared=(), roles=NOBODY):
    """The primary must not be asked: it would say what the server under test says."""

    def dial(address, *_):
        assert address == "203.0.113.20"
        if isinstance(server, CannotLook):
            raise server
        return server.stream()

    network = world(dial, records)
    domain = Domain(name="example.org", hosts=("mx1.example.org",), declared=Declared(backup_mx=declared))
    mx = await mail_exchangers(domain, network)
    replies = await backup_replies(domain, mx, roles, network, Options(timeout=1.0))
    return judge(domain, mx, replies)


async def test_a_backup_that_takes_the_domains_mail_passes():
    found = await verdict(MailServer(rcpt=hosts("postmaster@example.org")))
    assert isinstance(found, Passed)
    assert "mx2.example.net" in found.summary


async def test_nothing_is_handed_over():
    server = MailServer(rcpt=hosts("postmaster@example.org"))
    await verdict(server)
    assert server.connections == 1
    assert not any(line.startswith("DATA") for line in server.log)
    assert server.log[-1] == "QUIT"


@pytest.mark.parametrize("refusal", ["554 5.7.1 Relay access denied", "454 4.7.1 Relay access denied"])
async def test_a_backup_that_does_not_know_the_domain_turns_delays_into_bounces(refusal):
    found = await verdict(MailServer(rcpt=lambda *_: refusal))
    assert isinstance(found, Failed)
    assert found.observed == ({"host": "mx2.example.net", "reply": refusal},)


async def test_that_only_postmaster_is_unknown_there_is_another_checks_business():
    assert isinstance(await verdict(MailServer(rcpt=lambda *_: "550 5.1.1 User unknown")), Passed)


async def test_a_backup_on_which_nothing_listens_fails():
    assert isinstance(await verdict(CannotLook(Reason.REFUSED, "connection refused")), Failed)


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (CannotLook(Reason.TIMEOUT, "no answer in 1 s"), Reason.TIMEOUT),
        (MailServer(rcpt=lambda *_: "450 4.3.2 Service currently unavailable"), Reason.TEMPFAIL),
        (MailServer(rcpt=lambda *_: "554 5.7.1 blocked using zen.example"), Reason.PROBER_REFUSED),
    ],
)
async def test_a_backup_that_says_neither_is_unknown(server, reason):
    found = await verdict(server)
    assert isinstance(found, Inconclusive)
    assert found.reason in {reason, Reason.GREYLISTED}


async def test_a_backup_that_was_promised_and_is_in_no_mx_record_fails():
    found = await verdict(records=TWO[:1], declared=("mx2.example.net",))
    assert isinstance(found, Failed)
    assert found.observed == ({"host": "mx2.example.net", "reply": "no MX record names it"},)


@pytest.mark.parametrize("records", [TWO[:1], ("10 mx1.example.org.", "10 mx2.example.net."), ("0 .",)])
async def test_hosts_of_one_preference_are_no_backup_of_each_other(records):
    assert isinstance(await verdict(records=records), NotApplicable)


async def test_one_host_under_two_preferences_is_not_its_own_backup():
    network = world(None, ("10 mx1.example.org.", "20 mx1.example.org."))
    assert backup_hosts(await mail_exchangers(Domain(name="example.org"), network)) == ()


def asked_already(text):
    transaction = Transaction(
        sender="<a@b.example>", recipient="<postmaster@example.org>", mail=reply("250 ok"), rcpt=reply(text)
    )
    return RoleReplies(
        replies=(RoleReply(domain="example.org", mailbox="postmaster", transaction=transaction),)
    )


async def test_a_host_of_the_scan_is_not_asked_twice():
    roles = PerHost((("mx2.example.net", asked_already("554 5.7.1 Relay access denied")),))
    assert isinstance(await verdict(roles=roles), Failed)
    unseen = PerHost((("mx2.example.net", Unavailable(Reason.TIMEOUT, "no answer")),))
    assert isinstance(await verdict(roles=unseen), Inconclusive)
