from dataclasses import replace

import pytest

from auditor.checks.smtp_transaction_completes import judge
from auditor.evidence.delivery import Delivery
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, SmtpSessions, Transaction
from auditor.model import Failed, Inconclusive, Passed, Reason, Severity, Status
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
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.NOT_ASKED)
    assert "nobody could look whether it arrived" in finding.summary
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


HELLO = Reply(code=250, lines=("mx1.example.org",))
TAKEN = SmtpSessions(
    doors=(
        Door(
            address="198.51.100.10",
            port=25,
            session=Session(
                local="203.0.113.10",
                banner=Reply(code=220, lines=("mx1.example.org",)),
                hello=HELLO,
                transaction=Transaction(
                    sender="<a@example.net>",
                    recipient="<canary@example.org>",
                    mail=HELLO,
                    rcpt=HELLO,
                    data=Reply(code=250, lines=("2.0.0 Ok: queued as 87A7529C8B3",)),
                ),
            ),
        ),
    )
)


def told(status: str) -> Delivery:
    line = f"mx1 postfix/local[1]: 87A7529C8B3: to=<canary@example.org>, relay=local, delay=0.02, status={status}"
    return Delivery(lines=(line,))


def test_a_message_that_arrived_passes_and_shows_the_line():
    verdict = judge(TAKEN, told("sent (delivered to mailbox)"))
    assert isinstance(verdict, Passed)
    assert verdict.observed[0]["fate"] == "delivered"


@pytest.mark.parametrize("status", ["bounced (unknown user)", "deferred (connection refused)"])
def test_a_message_that_was_taken_and_did_not_arrive_fails(status: str):
    verdict = judge(TAKEN, told(status))
    assert isinstance(verdict, Failed)
    assert "87A7529C8B3" in str(verdict.observed[0]["line"])


def test_a_message_of_which_no_log_says_anything_is_unknown():
    verdict = judge(TAKEN, Delivery())
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.TIMEOUT
