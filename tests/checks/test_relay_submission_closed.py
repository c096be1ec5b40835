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
