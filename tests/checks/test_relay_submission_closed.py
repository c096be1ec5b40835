import pytest

from auditor.model import Reason, Status
from auditor.net import CannotLook
from tests.mail_server import MailServer, network
from tests.scanning import find


def submission(reply: str) -> MailServer:
    return MailServer(rcpt=lambda *_: reply, extensions_tls=("AUTH PLAIN LOGIN",))


@pytest.mark.parametrize(
    "reply",
    [
        "554 5.7.1 <x>: Access denied",
        "554 5.7.1 <scanner.example.net[203.0.113.10]>: Client host rejected: Access denied",
        "530 5.5.1 Must issue an AUTH command first",
        "553 5.7.1 <a@example.org>: Sender address rejected: not logged in",
        "550 relay not permitted",
    ],
)
async def test_a_port_that_wants_a_login_first_passes(reply: str):
    finding = await find("relay-submission-closed", network(smtp=MailServer(), p587=submission(reply)))
    assert finding.status is Status.PASSED


@pytest.mark.parametrize("port", ["p587", "p465"])
async def test_a_port_that_takes_mail_without_a_login_fails(port: str):
    servers = {port: submission("250 Ok")}
    finding = await find("relay-submission-closed", network(smtp=MailServer(), **servers))
    assert finding.status is Status.FAILED
    assert {fact["port"] for fact in finding.observed} == {int(port[1:])}


async def test_where_nothing_listens_there_is_nothing_to_ask():
    finding = await find("relay-submission-closed", network(smtp=MailServer()))
    assert finding.status is Status.NOT_APPLICABLE


async def test_a_filtered_port_is_unknown():
    filtered = CannotLook(Reason.TIMEOUT, "no answer in time")
    finding = await find("relay-submission-closed", network(smtp=MailServer(), p587=filtered))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TIMEOUT)


async def test_a_client_that_is_blocked_by_name_has_not_been_asked():
    reply = "554 5.7.1 Service unavailable; Client host [203.0.113.10] blocked using bl.example.net"
    finding = await find("relay-submission-closed", network(smtp=MailServer(), p587=submission(reply)))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.PROBER_REFUSED)


async def test_a_port_that_refuses_mail_from_anybody_is_asked_once_before_and_once_within_tls():
    server = MailServer(
        mail=lambda _sender, tls: (
            "530 5.7.0 Authentication required" if tls else "530 5.7.0 Must issue a STARTTLS command first"
        ),
        extensions_tls=("AUTH PLAIN LOGIN",),
    )
    finding = await find("relay-submission-closed", network(smtp=MailServer(), p587=server))
    assert finding.status is Status.PASSED
    assert sum(line.startswith("MAIL") for line in server.log) == 2


async def test_a_port_that_lets_nobody_in_is_not_asked_for_recipients_in_disguise():
    server = submission("554 5.7.1 <x[203.0.113.10]>: Client host rejected: Access denied")
    await find("relay-submission-closed", network(smtp=MailServer(), p465=server))
    asked = {line for line in server.log if line.startswith("RCPT")}
    assert not any("%" in line for line in asked)
    assert {line for line in server.log if line.startswith("EHLO")} >= {"EHLO example.org"}


async def test_a_port_that_trusts_the_sender_alone_is_found():
    server = MailServer(
        rcpt=lambda _h, sender, _r, _t: (
            "250 Ok" if sender.endswith("@example.org>") else "554 5.7.1 Access denied"
        ),
        extensions_tls=("AUTH PLAIN LOGIN",),
    )
    finding = await find("relay-submission-closed", network(smtp=MailServer(), p587=server))
    assert finding.status is Status.FAILED
    assert "R03" in {fact["vector"] for fact in finding.observed}


async def test_a_port_that_takes_mail_for_the_platform_is_asked_for_recipients_in_disguise():
    def rcpt(_helo: str, _sender: str, recipient: str, _tls: bool) -> str:
        return "250 Ok" if recipient == "<postmaster@example.org>" or "%" in recipient else "554 5.7.1 no"

    server = MailServer(rcpt=rcpt, extensions_tls=("AUTH PLAIN LOGIN",))
    finding = await find("relay-submission-closed", network(smtp=MailServer(), p587=server))
    assert finding.status is Status.FAILED
    assert {fact["vector"] for fact in finding.observed} == {"R13"}
