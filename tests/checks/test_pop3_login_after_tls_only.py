import pytest

from auditor.model import Reason, Status
from auditor.net import CannotLook
from tests.mail_server import MailServer, network
from tests.scanning import find
from tests.scripted import ScriptedNetwork, ScriptedStream


def pop3(*answers: bytes | CannotLook, sent: list[ScriptedStream] | None = None) -> ScriptedNetwork:
    def dial(address: str, port: int):
        if port != 110:
            raise CannotLook(Reason.REFUSED, "refused")
        stream = ScriptedStream(list(answers))
        if sent is not None:
            sent.append(stream)
        return stream

    return ScriptedNetwork({("mx1.example.org", "A"): ("198.51.100.10",)}, dial=dial)


async def test_a_server_that_wants_tls_first_passes():
    streams: list[ScriptedStream] = []
    here = pop3(
        b"+OK Dovecot (Debian) ready.\r\n",
        b"+OK\r\nCAPA\r\nTOP\r\nSTLS\r\nSASL\r\n.\r\n",
        b"-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.\r\n",
        sent=streams,
    )
    assert (await find("pop3-login-after-tls-only", here)).status is Status.PASSED
    assert b"PASS" not in streams[0].sent


@pytest.mark.parametrize(
    ("capabilities", "user"),
    [
        (b"+OK\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n", b"-ERR no\r\n"),
        (b"-ERR unknown\r\n", b"+OK send PASS\r\n"),
    ],
)
async def test_a_server_that_would_take_a_password_in_clear_fails(capabilities: bytes, user: bytes):
    here = pop3(b"+OK ready\r\n", capabilities, user)
    assert (await find("pop3-login-after-tls-only", here)).status is Status.FAILED


async def test_where_nothing_listens_there_is_nothing_to_ask():
    here = network(smtp=MailServer())  # what is not named refuses
    assert (await find("pop3-login-after-tls-only", here)).status is Status.NOT_APPLICABLE


async def test_another_protocol_is_unknown():
    finding = await find("pop3-login-after-tls-only", pop3(b"220 ftp ready\r\n"))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.PROTOCOL)
