import pytest

from auditor.model import Reason, Severity, Status
from auditor.net import CannotLook
from tests.mail_server import MailServer, network
from tests.scanning import find
from tests.scripted import ScriptedNetwork, ScriptedStream


def imap(*answers: bytes | CannotLook) -> ScriptedNetwork:
    def dial(address: str, port: int):
        if port == 143:
            return ScriptedStream(list(answers))
        raise CannotLook(Reason.REFUSED, "refused")

    return ScriptedNetwork({("mx1.example.org", "A"): ("198.51.100.10",)}, dial=dial)


async def test_logindisabled_passes():
    """As Dovecot of Debian says it."""
    here = imap(
        b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] Dovecot (Debian) ready.\r\n",
        b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na OK Capability completed.\r\n",
    )
    assert (await find("imap-login-after-tls-only", here)).status is Status.PASSED


async def test_a_server_that_would_take_a_password_in_clear_fails():
    here = imap(b"* OK IMAP4 ready\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n", b"a OK done\r\n")
    finding = await find("imap-login-after-tls-only", here)
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.CRITICAL)
    assert "AUTH=PLAIN" in str(finding.observed[0]["capabilities"])


async def test_where_nothing_listens_there_is_nothing_to_ask():
    here = network(smtp=MailServer())  # what is not named refuses
    assert (await find("imap-login-after-tls-only", here)).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (CannotLook(Reason.TIMEOUT, "no answer"), Reason.TIMEOUT),
        (b"* BYE too many connections\r\n", Reason.PROTOCOL),
        (b"", Reason.CONNECTION_LOST),
        (b"* OK " + b"x" * 40_000, Reason.PROTOCOL),
    ],
)
async def test_what_says_nothing_is_unknown(answer, reason: Reason):
    finding = await find("imap-login-after-tls-only", imap(answer))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)
