import pytest

from auditor.evidence.tls import TlsSession
from auditor.model import Reason, Severity, Status
from auditor.net import CannotLook, TlsOffer
from tests.mail_server import TLS, MailServer, network
from tests.scanning import find

OLD = TlsSession(version="TLSv1", cipher="ECDHE-RSA-AES256-SHA", bits=256)
ANONYMOUS = TlsSession(version="TLSv1.2", cipher="ADH-AES256-GCM-SHA384", bits=256)
UNENCRYPTED = TlsSession(version="TLSv1.2", cipher="NULL-SHA256", bits=0)
REFUSED = CannotLook(Reason.TLS_FAILED, "alert protocol version")


def server(*, old: TlsSession | CannotLook = REFUSED, weak: TlsSession | CannotLook = REFUSED) -> MailServer:
    def handshake(offer: TlsOffer) -> TlsSession | CannotLook:
        if offer.maximum == "TLSv1.1":
            return old
        return weak if offer.ciphers else TLS

    return MailServer(handshake=handshake)


async def test_a_server_that_refuses_outdated_offers_passes():
    finding = await find("tls-protocols-modern", network(smtp=server()))
    assert finding.status is Status.PASSED


@pytest.mark.parametrize(
    ("weak", "old", "severity"),
    [
        (REFUSED, OLD, Severity.MEDIUM),
        (ANONYMOUS, REFUSED, Severity.LOW),
        (UNENCRYPTED, REFUSED, Severity.MEDIUM),
        (ANONYMOUS, OLD, Severity.MEDIUM),
    ],
)
async def test_between_servers_old_tls_is_better_than_none(weak, old, severity):
    finding = await find("tls-protocols-modern", network(smtp=server(old=old, weak=weak)))
    assert (finding.status, finding.severity) == (Status.FAILED, severity)


async def test_where_users_log_in_it_is_not():
    finding = await find("tls-protocols-modern", network(smtp=server(), p587=server(old=OLD)))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.HIGH)
    assert finding.observed[0]["accepted"] == "TLSv1 ECDHE-RSA-AES256-SHA"


@pytest.mark.parametrize("reason", [Reason.UNSUPPORTED, Reason.TIMEOUT])
async def test_what_could_not_be_offered_was_not_refused(reason: Reason):
    here = network(smtp=server(old=CannotLook(reason, "this OpenSSL cannot")))
    finding = await find("tls-protocols-modern", here)
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)


async def test_a_server_that_fails_every_handshake_refuses_nothing_in_particular():
    finding = await find("tls-protocols-modern", network(smtp=MailServer(handshake=REFUSED)))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TLS_FAILED)


async def test_without_tls_there_is_nothing_to_ask():
    here = network(smtp=MailServer(extensions=("SIZE",)))
    assert (await find("tls-protocols-modern", here)).status is Status.NOT_APPLICABLE
