import pytest

from auditor.model import Reason, Severity, Status
from auditor.net import CannotLook
from tests.mail_server import MailServer, network
from tests.scanning import find


def offering(auth: str) -> MailServer:
    return MailServer(extensions=("STARTTLS", auth), extensions_tls=("AUTH PLAIN LOGIN",))


@pytest.mark.parametrize("auth", ["SIZE", "AUTH", "AUTH "])
async def test_a_server_that_offers_it_within_tls_alone_passes(auth: str):
    finding = await find("auth-after-tls-only", network(smtp=MailServer(), p587=offering(auth)))
    assert finding.status is Status.PASSED


@pytest.mark.parametrize("auth", ["AUTH PLAIN LOGIN", "AUTH=LOGIN", "auth Login CRAM-MD5"])
@pytest.mark.parametrize("port", ["smtp", "p587"])
async def test_a_server_that_takes_passwords_in_clear_fails(port: str, auth: str):
    finding = await find("auth-after-tls-only", network(**{"smtp": MailServer(), port: offering(auth)}))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.CRITICAL)


async def test_mechanisms_that_send_no_password_weigh_less():
    finding = await find("auth-after-tls-only", network(smtp=offering("AUTH DIGEST-MD5 CRAM-MD5")))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.MEDIUM)


async def test_465_begins_within_tls_and_may_offer_it_at_once():
    server = MailServer(extensions_tls=("AUTH PLAIN",))
    assert (
        await find("auth-after-tls-only", network(smtp=MailServer(), p465=server))
    ).status is Status.PASSED


async def test_no_password_is_sent():
    server = offering("AUTH PLAIN")
    await find("auth-after-tls-only", network(smtp=server))
    assert not any(line.upper().startswith("AUTH") for line in server.log)


async def test_a_filtered_port_is_unknown():
    filtered = CannotLook(Reason.TIMEOUT, "no answer")
    finding = await find("auth-after-tls-only", network(smtp=MailServer(), p587=filtered))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TIMEOUT)
