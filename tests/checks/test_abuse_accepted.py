from dataclasses import replace

from auditor.model import Domain, Reason, Severity, Status
from tests.mail_server import MailServer, hosts, network
from tests.scanning import HOST, find


async def test_a_server_that_takes_complaints_passes():
    server = MailServer(rcpt=hosts("postmaster@example.org", "abuse@example.org"))
    assert (await find("abuse-accepted", network(smtp=server))).status is Status.PASSED


async def test_a_server_that_refuses_complaints_fails():
    finding = await find("abuse-accepted", network(smtp=MailServer()))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.HIGH)
    assert "abuse@example.org is refused by mx1.example.org" in finding.summary


async def test_a_subdomain_need_not_have_it():
    host = replace(HOST, domains=("lists.example.org",))
    domain = Domain(name="lists.example.org", hosts=("mx1.example.org",))
    finding = await find("abuse-accepted", network(smtp=MailServer()), host=host, domain=domain)
    assert finding.status is Status.NOT_APPLICABLE
    assert "example.org" in finding.summary


async def test_a_refusal_of_the_scanner_is_no_refusal_of_complaints():
    server = MailServer(rcpt=lambda *_: "550 5.7.1 blocked using bl.example")
    finding = await find("abuse-accepted", network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.PROBER_REFUSED)


async def test_a_domain_that_takes_no_mail_needs_none():
    here = network(smtp=MailServer())
    here.resolver.table = {**here.resolver.table, ("example.org", "MX"): ("0 .",)}
    assert (await find("abuse-accepted", here)).status is Status.NOT_APPLICABLE
