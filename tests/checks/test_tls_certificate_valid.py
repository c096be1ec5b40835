import hashlib

import pytest

from auditor.model import Reason, Severity, Status
from auditor.net import CannotLook
from tests.certificates import leaf, session
from tests.mail_server import MailServer, network
from tests.scanning import find
from tests.scripted import answer

HOST = "mx1.example.org"


@pytest.mark.parametrize("names", [(HOST,), ("*.example.org",), ("other.example", "MX1.Example.ORG")])
async def test_a_trusted_certificate_for_the_host_passes(names: tuple[str, ...]):
    server = MailServer(handshake=session(leaf(*names)))
    assert (await find("tls-certificate-valid", network(smtp=server))).status is Status.PASSED


@pytest.mark.parametrize(
    ("handshake", "fault", "severity"),
    [
        (session(leaf("other.example.org")), "names other.example.org and not mx1", Severity.LOW),
        (session(leaf("*.org")), "names *.org and not", Severity.LOW),
        (session(leaf(HOST), trusted=False), "not trusted", Severity.LOW),
        (session(leaf(HOST, issuer=HOST), trusted=False), "self-signed", Severity.LOW),
        (session(leaf(HOST, days=-2)), "expired on 2026-11-19", Severity.MEDIUM),
        (session(None), "no certificate", Severity.LOW),
        (session(b"no DER"), "no certificate that can be read", Severity.LOW),
    ],
)
async def test_each_fault_is_named_and_weighs_little_between_servers(handshake, fault, severity):
    finding = await find("tls-certificate-valid", network(smtp=MailServer(handshake=handshake)))
    assert (finding.status, finding.severity) == (Status.FAILED, severity)
    assert fault in finding.summary


async def test_where_users_log_in_the_same_fault_weighs_much():
    faulty = MailServer(handshake=session(leaf("other.example.org")))
    finding = await find(
        "tls-certificate-valid", network(smtp=MailServer(handshake=session(leaf(HOST))), p587=faulty)
    )
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.HIGH)


async def test_the_door_that_makes_it_weigh_much_is_told_first():
    faulty = MailServer(handshake=session(leaf("vm", issuer="vm"), trusted=False))
    finding = await find("tls-certificate-valid", network(smtp=faulty, p587=faulty))
    assert "port 587 is not good" in finding.summary
    assert {row["port"] for row in finding.observed} == {587, 25}


async def test_without_tls_there_is_nothing_to_ask():
    server = MailServer(extensions=("SIZE",))
    assert (await find("tls-certificate-valid", network(smtp=server))).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("reason", [Reason.TLS_FAILED, Reason.TIMEOUT, Reason.CONNECTION_LOST])
async def test_a_handshake_that_fails_is_unknown(reason: Reason):
    server = MailServer(handshake=CannotLook(reason, "no session"))
    finding = await find("tls-certificate-valid", network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)


@pytest.mark.parametrize(("secure", "status"), [(True, Status.PASSED), (False, Status.FAILED)])
async def test_a_self_signed_certificate_that_dane_vouches_for_is_good_between_servers(secure, status):
    der = leaf("anything", issuer="anything", days=-5)
    here = network(smtp=MailServer(handshake=session(der, trusted=False)))
    name = "_25._tcp.mx1.example.org"
    record = f"3 0 1 {hashlib.sha256(der).hexdigest()}"
    here.resolver.table = {**here.resolver.table, (name, "TLSA"): answer(name, "TLSA", record, secure=secure)}
    assert (await find("tls-certificate-valid", here)).status is status
