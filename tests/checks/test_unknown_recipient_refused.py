from auditor.model import Status
from tests.mail_server import MailServer, network
from tests.scanning import find


async def test_a_server_that_knows_its_mailboxes_passes():
    assert (await find("unknown-recipient-refused", network(smtp=MailServer()))).status is Status.PASSED


async def test_a_server_that_takes_mail_for_anybody_fails():
    server = MailServer(rcpt=lambda *_: "250 Ok")
    finding = await find("unknown-recipient-refused", network(smtp=server))
    assert finding.status is Status.FAILED
    assert finding.observed == ({"domain": "example.org", "accepted": 2},)


async def test_putting_off_is_no_refusal():
    server = MailServer(rcpt=lambda h, s, r, tls: "450 4.1.1 unverified" if "zz-" in r else "250 Ok")
    assert (await find("unknown-recipient-refused", network(smtp=server))).status is Status.UNKNOWN
