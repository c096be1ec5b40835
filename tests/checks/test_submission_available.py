from dataclasses import replace

from auditor.model import Declared, Reason, Status
from auditor.net import CannotLook
from tests.mail_server import MailServer, network
from tests.scanning import HOST, find

SERVES_USERS = replace(HOST, declared=Declared(roles=("mx", "submission")))


async def test_auth_within_tls_on_587_is_enough():
    server = MailServer(extensions_tls=("AUTH PLAIN",))
    finding = await find("submission-available", network(p587=server), host=SERVES_USERS)
    assert finding.status is Status.PASSED


async def test_auth_on_465_is_enough():
    server = MailServer(extensions_tls=("AUTH PLAIN",))
    finding = await find("submission-available", network(p465=server), host=SERVES_USERS)
    assert finding.status is Status.PASSED


async def test_a_host_for_users_without_it_fails():
    finding = await find("submission-available", network(smtp=MailServer()), host=SERVES_USERS)
    assert finding.status is Status.FAILED


async def test_a_port_without_auth_is_no_submission():
    finding = await find("submission-available", network(p587=MailServer()), host=SERVES_USERS)
    assert finding.status is Status.FAILED


async def test_a_mere_mx_needs_none():
    finding = await find("submission-available", network(smtp=MailServer()))
    assert finding.status is Status.NOT_APPLICABLE


async def test_a_filtered_port_is_unknown():
    filtered = CannotLook(Reason.TIMEOUT, "no answer")
    finding = await find("submission-available", network(p587=filtered), host=SERVES_USERS)
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TIMEOUT)
