from auditor.model import Status
from tests.mail_server import MailServer, hosts, network
from tests.scanning import find

LOCAL = hosts("postmaster@example.org")


async def test_a_server_that_takes_bounces_passes():
    assert (await find("null-sender-accepted", network(smtp=MailServer()))).status is Status.PASSED


async def test_a_server_that_refuses_the_null_sender_at_mail_fails():
    server = MailServer(mail=lambda sender, tls: "550 5.7.1 no" if sender == "<>" else "250 Ok")
    finding = await find("null-sender-accepted", network(smtp=server))
    assert finding.status is Status.FAILED
    assert finding.observed[0]["mail_from"] == "<>"


async def test_a_server_that_refuses_the_null_sender_at_rcpt_fails():
    server = MailServer(rcpt=lambda h, s, r, tls: "550 5.7.1 no" if s == "<>" else LOCAL(h, s, r, tls))
    assert (await find("null-sender-accepted", network(smtp=server))).status is Status.FAILED


async def test_a_recipient_that_is_refused_from_everybody_says_nothing_about_the_null_sender():
    server = MailServer(rcpt=hosts("bob@example.org"))
    assert (await find("null-sender-accepted", network(smtp=server))).status is Status.NOT_APPLICABLE


async def test_without_the_comparison_it_is_unknown():
    server = MailServer(rcpt=lambda h, s, r, tls: "550 5.7.1 no" if s == "<>" else "451 4.3.0 ill")
    assert (await find("null-sender-accepted", network(smtp=server))).status is Status.UNKNOWN
