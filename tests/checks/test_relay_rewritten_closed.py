import pytest

from auditor.model import Reason, Status
from tests.mail_server import MailServer, hosts, network
from tests.scanning import find

LOCAL = hosts("postmaster@example.org")


@pytest.mark.parametrize(
    ("vector", "hole"),
    [
        ("R13", lambda s, r: "%" in r),
        ("R18", lambda s, r: r.startswith('<"')),
        ("R24", lambda s, r: r.startswith("<@")),
        ("R29", lambda s, r: "!" in r),
        ("R44", lambda s, r: "@[" in r),
        ("R02", lambda s, r: s == "<>" and "example.net" in r),
        ("R03", lambda s, r: s == "<audit@example.org>" and "example.net" in r),
    ],
)
async def test_each_disguise_is_found(vector, hole):
    server = MailServer(rcpt=lambda h, s, r, tls: "250 Ok" if hole(s, r) else LOCAL(h, s, r, tls))
    finding = await find("relay-rewritten-closed", network(smtp=server))
    assert finding.status is Status.FAILED
    assert vector in {fact["vector"] for fact in finding.observed}


async def test_a_catch_all_domain_may_take_any_local_part_and_proves_no_relay():
    def rcpt(helo, sender, recipient, tls):
        return "250 Ok" if recipient.endswith("@example.org>") else LOCAL(helo, sender, recipient, tls)

    finding = await find("relay-rewritten-closed", network(smtp=MailServer(rcpt=rcpt)))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.NOT_CONSENTED)


async def test_an_own_sender_that_is_refused_as_forged_is_a_refusal():
    def mail(sender, tls):
        if sender.startswith("<audit@"):
            return "550 5.7.1 Sender address rejected: Domain is ours"
        return "250 Ok"

    finding = await find("relay-rewritten-closed", network(smtp=MailServer(mail=mail)))
    assert finding.status is Status.PASSED


async def test_plus_addresses_are_no_vector():
    server = MailServer()
    await find("relay-rewritten-closed", network(smtp=server))
    assert not any("+" in line for line in server.log if line.startswith("RCPT"))
