from auditor.model import Status
from tests.mail_server import MailServer, hosts, network
from tests.scanning import find


async def test_a_server_that_takes_mail_for_security_passes():
    server = MailServer(rcpt=hosts("postmaster@example.org", "security@example.org"))
    assert (await find("security-accepted", network(smtp=server))).status is Status.PASSED


async def test_a_server_that_refuses_security_fails_and_shows_the_reply():
    finding = await find("security-accepted", network(smtp=MailServer(rcpt=hosts("postmaster@example.org"))))
    assert finding.status is Status.FAILED
    assert finding.observed[0]["rcpt_to"] == "<security@example.org>"


async def test_a_server_that_is_ill_is_unknown():
    server = MailServer(rcpt=lambda *_: "451 4.3.5 Server configuration problem")
    assert (await find("security-accepted", network(smtp=server))).status is Status.UNKNOWN


async def test_a_domain_that_takes_no_mail_needs_none():
    here = network(smtp=MailServer())
    here.resolver.table = {**here.resolver.table, ("example.org", "MX"): ("0 .",)}
    assert (await find("security-accepted", here)).status is Status.NOT_APPLICABLE
