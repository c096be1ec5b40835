import pytest

from auditor.model import Reason, Severity, Status
from auditor.net import CannotLook
from tests.mail_server import MailServer, hosts, network
from tests.scanning import OPTIONS, find

ALL = tuple(f"{role}@example.org" for role in ("postmaster", "abuse", "hostmaster", "security"))


async def test_a_server_that_takes_mail_for_postmaster_passes():
    finding = await find("postmaster-accepted", network(smtp=MailServer(rcpt=hosts(*ALL))))
    assert finding.status is Status.PASSED


async def test_a_server_that_knows_no_postmaster_fails():
    finding = await find("postmaster-accepted", network(smtp=MailServer(rcpt=hosts("bob@example.org"))))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.HIGH)
    assert finding.observed[0]["reply"] == "550 5.1.1 User unknown"


async def test_that_only_the_bare_form_is_refused_is_a_small_fault():
    def rcpt(helo, sender, recipient, tls):
        return "250 Ok" if recipient.endswith("@example.org>") else "550 Invalid recipient"

    finding = await find("postmaster-accepted", network(smtp=MailServer(rcpt=rcpt)))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.LOW)


async def test_a_domain_that_the_server_does_not_host_is_refused_for_good_with_454_too():
    server = MailServer(rcpt=lambda *_: "454 4.7.1 Relay access denied")
    finding = await find("postmaster-accepted", network(smtp=server))
    assert finding.status is Status.FAILED


async def test_a_full_mailbox_takes_no_mail():
    server = MailServer(rcpt=lambda *_: "452 4.2.2 mailbox full")
    finding = await find("postmaster-accepted", network(smtp=server))
    assert finding.status is Status.FAILED


async def test_greylisting_is_waited_out_once_with_the_same_sender_and_recipient():
    seen: dict[tuple[str, str], int] = {}

    def rcpt(helo, sender, recipient, tls):
        seen[sender, recipient] = seen.get((sender, recipient), 0) + 1
        if seen[sender, recipient] == 1:
            return "451 4.7.1 Greylisted, try again later"
        return hosts(*ALL)(helo, sender, recipient, tls)

    here = network(smtp=MailServer(rcpt=rcpt))
    finding = await find("postmaster-accepted", here)
    assert finding.status is Status.PASSED
    assert here.slept == [OPTIONS.timeout]


async def test_greylisting_that_lasts_longer_is_unknown():
    server = MailServer(rcpt=lambda *_: "450 4.2.0 Greylisted")
    finding = await find("postmaster-accepted", network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.GREYLISTED)


async def test_a_server_that_wants_tls_first_is_asked_within_tls():
    def rcpt(helo, sender, recipient, tls):
        return hosts(*ALL)(helo, sender, recipient, tls) if tls else "530 5.7.0 Must issue a STARTTLS"

    finding = await find("postmaster-accepted", network(smtp=MailServer(rcpt=rcpt)))
    assert finding.status is Status.PASSED


async def test_a_catch_all_takes_it_and_the_summary_says_that_this_proves_no_reader():
    def rcpt(helo, sender, recipient, tls):
        return "250 Ok" if recipient.endswith(("@example.org>", "<Postmaster>")) else "554 5.7.1 Relay denied"

    finding = await find("postmaster-accepted", network(smtp=MailServer(rcpt=rcpt)))
    assert finding.status is Status.PASSED
    assert "whether anybody reads it is not seen" in finding.summary


async def test_a_host_that_takes_mail_from_anybody_to_anybody_shows_nothing_of_its_mailboxes():
    """Debian's Exim checks no recipient for whom it relays: closing the relay lets the refusal appear."""
    finding = await find("postmaster-accepted", network(smtp=MailServer(rcpt=lambda *_: "250 Ok")))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.NOT_ASKED)
    assert "takes mail from anybody to anybody" in finding.summary


async def test_the_label_of_the_scan_is_in_the_sender_and_in_the_controls():
    server = MailServer()
    await find("postmaster-accepted", network(smtp=server))
    assert "MAIL FROM:<auditor-0123456789ab@scanner.example.net>" in server.log
    assert "RCPT TO:<zz-0123456789ab-a@example.org>" in server.log


async def test_a_domain_that_takes_no_mail_needs_no_postmaster():
    here = network(smtp=MailServer())
    here.resolver.table = {**here.resolver.table, ("example.org", "MX"): ("0 .",)}
    finding = await find("postmaster-accepted", here)
    assert finding.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.REFUSED, Reason.UNREACHABLE])
async def test_a_closed_port_is_unknown(reason: Reason):
    finding = await find("postmaster-accepted", network(smtp=CannotLook(reason, "closed")))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)
