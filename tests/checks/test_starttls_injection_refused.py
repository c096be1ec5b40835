import pytest

from auditor.evidence.tls import TlsSession
from auditor.model import Reason, Status
from auditor.net import CannotLook, TlsOffer
from tests.mail_server import TLS, MailServer, network
from tests.scanning import find


async def test_a_server_that_drops_what_came_in_clear_passes():
    server = MailServer()
    finding = await find("starttls-injection-refused", network(smtp=server))
    assert finding.status is Status.PASSED


async def test_a_server_that_executes_it_within_tls_fails():
    finding = await find("starttls-injection-refused", network(smtp=MailServer(injects=True)))
    assert finding.status is Status.FAILED
    assert finding.observed[0]["port"] == 25


async def test_a_server_that_feeds_it_to_tls_fails_closed_which_is_safe():
    shaken: list[TlsOffer] = []

    def handshake(offer: TlsOffer) -> TlsSession | CannotLook:
        shaken.append(offer)
        return CannotLook(Reason.TLS_FAILED, "wrong version number") if len(shaken) == 1 else TLS

    finding = await find("starttls-injection-refused", network(smtp=MailServer(handshake=handshake)))
    assert finding.status is Status.PASSED


async def test_a_server_without_starttls_is_not_asked():
    server = MailServer(extensions=("SIZE",))
    finding = await find("starttls-injection-refused", network(smtp=server))
    assert finding.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("reason", [Reason.TLS_FAILED, Reason.TIMEOUT])
async def test_without_any_handshake_it_is_unknown(reason: Reason):
    server = MailServer(handshake=CannotLook(reason, "no session"))
    finding = await find("starttls-injection-refused", network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)
