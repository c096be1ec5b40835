from dataclasses import replace

import pytest

from auditor.model import Reason, Severity, Status
from auditor.net import CannotLook
from tests.mail_server import MailServer, hosts, network
from tests.scanning import OPTIONS, find


async def test_a_server_that_takes_mail_in_clear_and_within_tls_passes():
    assert (await find("smtp-transaction-completes", network(smtp=MailServer()))).status is Status.PASSED


async def test_helo_green_and_rcpt_red_is_found():
    """A policy service started by hand died: greetings went on, and mail stayed away for hours."""
    server = MailServer(rcpt=lambda *_: "451 4.3.5 Server configuration problem")
    finding = await find("smtp-transaction-completes", network(smtp=server))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.CRITICAL)
    assert "RCPT in clear" in finding.summary


async def test_a_public_mx_that_insists_on_tls_has_a_sentence_of_its_own():
    server = MailServer(
        rcpt=lambda h, s, r, tls: "250 Ok" if tls else "530 5.7.0 Must issue a STARTTLS command first"
    )
    finding = await find("smtp-transaction-completes", network(smtp=server))
    assert finding.status is Status.FAILED
    assert "a public MX must take mail without TLS" in finding.summary


async def test_a_well_server_that_refuses_postmaster_is_no_catastrophe():
    server = MailServer(rcpt=hosts("bob@example.org"))
    finding = await find("smtp-transaction-completes", network(smtp=server))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.HIGH)


async def test_starttls_that_is_offered_and_fails_is_found():
    server = MailServer(handshake=CannotLook(Reason.TLS_FAILED, "alert handshake failure"))
    finding = await find("smtp-transaction-completes", network(smtp=server))
    assert finding.status is Status.FAILED
    assert "handshake" in finding.summary


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("450 4.2.0 Greylisted", Reason.GREYLISTED),
        ("450 4.7.1 Error: too much mail", Reason.RATE_LIMITED),
        ("550 5.7.1 blocked using bl.example", Reason.PROBER_REFUSED),
        ("451 4.1.1 unverified", Reason.TEMPFAIL),
        ("HANGUP", Reason.CONNECTION_LOST),
    ],
)
async def test_an_answer_about_us_or_about_later_is_unknown(reply: str, reason: Reason):
    finding = await find("smtp-transaction-completes", network(smtp=MailServer(rcpt=lambda *_: reply)))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)


async def test_an_ehlo_that_is_refused_is_found():
    server = MailServer(verbs={"EHLO": "550 no", "HELO": "550 no"})
    assert (await find("smtp-transaction-completes", network(smtp=server))).status is Status.FAILED


async def test_with_a_canary_in_the_domain_one_message_follows_within_tls():
    server = MailServer(rcpt=hosts("canary@example.org"))
    options = replace(OPTIONS, canary="canary@example.org")
    finding = await find("smtp-transaction-completes", network(smtp=server), options=options)
    assert finding.status is Status.PASSED
    assert "the end of a message" in finding.summary
    assert server.log.count("DATA") == 1
    assert "X-Auditor-Label: 0123456789ab" in server.log


async def test_a_message_that_is_refused_at_its_end_is_found():
    server = MailServer(rcpt=hosts("canary@example.org"), data="554 5.7.1 rejected by filter")
    options = replace(OPTIONS, canary="canary@example.org")
    finding = await find("smtp-transaction-completes", network(smtp=server), options=options)
    assert finding.status is Status.FAILED
    assert "the message after STARTTLS" in finding.summary


async def test_a_filter_that_puts_the_message_off_is_unknown():
    server = MailServer(rcpt=hosts("canary@example.org"), data="451 4.7.1 try again later")
    options = replace(OPTIONS, canary="canary@example.org")
    finding = await find("smtp-transaction-completes", network(smtp=server), options=options)
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.GREYLISTED)


async def test_a_foreign_canary_is_never_written_to_through_this_question():
    server = MailServer()
    options = replace(OPTIONS, canary="canary@collector.example")
    await find("smtp-transaction-completes", network(smtp=server), options=options)
    assert "DATA" not in server.log
