import pytest

from auditor.evidence.dns import HostAddresses
from auditor.evidence.mta import Mta, TrustedNetworks
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, SmtpSessions
from auditor.evidence.vantage import why_trusted
from auditor.model import Options, Reason, Unavailable
from auditor.probes.vantage import vantage
from tests.mail_server import MailServer, network
from tests.scanning import HOST, OPTIONS

TARGET = HostAddresses(v4=("198.51.100.10",))
NOT_ASKED = Unavailable(Reason.NOT_ASKED, "no way in")


def session(local: str) -> SmtpSessions:
    good = Reply(code=220, lines=("mx",))
    return SmtpSessions(
        doors=(Door(address="198.51.100.10", port=25, session=Session(local=local, banner=good, hello=good)),)
    )


async def look(
    trusted: TrustedNetworks | Unavailable, options: Options = OPTIONS, local: str = "203.0.113.10"
):
    return await vantage(
        HOST, TARGET, session(local), NOT_ASKED, trusted, network(smtp=MailServer()), options
    )


async def test_a_stranger_is_a_stranger():
    seen = await look(NOT_ASKED)
    assert (seen.ours, seen.trusted_because) == (("203.0.113.10",), None)


async def test_what_the_host_itself_says_it_trusts_counts():
    trusted = TrustedNetworks(mta=Mta.POSTFIX, networks=("127.0.0.0/8", "203.0.113.0/24"))
    assert "203.0.113.0/24, which the target trusts" in str((await look(trusted)).trusted_because)


async def test_an_address_of_the_host_that_the_dns_does_not_know_counts():
    trusted = TrustedNetworks(mta=Mta.OPENSMTPD, own_addresses=("203.0.113.10",))
    assert "an address of the target itself" in str((await look(trusted)).trusted_because)


@pytest.mark.parametrize("network_", ["hash:/etc/postfix/friends", "!192.0.2.0/24", "", "[::1]/128"])
def test_what_is_no_network_trusts_nobody(network_: str):
    assert why_trusted(("203.0.113.10",), (), (network_,)) is None


@pytest.mark.parametrize(
    ("ours", "networks"),
    [
        ("2001:db8::5", ("[2001:db8::]/32",)),
        ("203.0.113.10", ("203.0.113.10",)),
        ("203.0.113.10", ("0.0.0.0/0",)),
        ("127.0.0.1", ()),
    ],
)
def test_networks_are_read_as_mail_programs_write_them(ours: str, networks: tuple[str, ...]):
    assert why_trusted((ours,), ("198.51.100.10",), networks)
