from auditor.model import ByHand, Reason, Status
from auditor.net import CannotLook, TlsMode
from tests.mail_server import TLS, MailServer, network
from tests.scanning import find


async def test_a_server_that_offers_it_and_shakes_hands_passes():
    assert (await find("starttls-offered", network(smtp=MailServer()))).status is Status.PASSED


async def test_a_server_that_does_not_offer_it_fails():
    server = MailServer(extensions=("PIPELINING",))
    assert (await find("starttls-offered", network(smtp=server))).status is Status.FAILED


async def test_offered_and_broken_is_worse_than_missing_and_has_its_own_sentence():
    """OpenSMTPD 6.8 on Debian 12 fails every inbound handshake."""
    server = MailServer(handshake=CannotLook(Reason.TLS_FAILED, "alert 80"))
    finding = await find("starttls-offered", network(smtp=server))
    assert finding.status is Status.FAILED
    assert "the handshake fails" in finding.summary


async def test_a_certificate_that_nobody_trusts_is_no_missing_starttls():
    assert TLS.chain == ()
    assert (await find("starttls-offered", network(smtp=MailServer()))).status is Status.PASSED


async def test_a_refused_starttls_is_found():
    server = MailServer(starttls="454 4.7.0 TLS not available")
    assert (await find("starttls-offered", network(smtp=server))).status is Status.FAILED


async def test_what_speaks_only_old_tls_does_offer_it():
    server = MailServer(
        handshake=lambda offer: TLS if offer.mode is TlsMode.LEGACY else CannotLook(Reason.TLS_FAILED, "old")
    )
    assert (await find("starttls-offered", network(smtp=server))).status is Status.PASSED


async def test_a_server_that_falls_silent_in_the_handshake_is_unknown():
    server = MailServer(handshake=CannotLook(Reason.TIMEOUT, "no answer"))
    finding = await find("starttls-offered", network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TIMEOUT)


async def test_587_is_held_to_it_where_it_answers():
    server = MailServer(extensions=("SIZE",))
    finding = await find("starttls-offered", network(smtp=MailServer(), p587=server))
    assert finding.status is Status.FAILED
    assert finding.observed[0]["port"] == 587


async def test_of_opensmtpd_it_says_that_no_setting_mends_the_version_of_debian_12():
    server = MailServer(banner="220 mx1.example.org ESMTP OpenSMTPD", extensions=("PIPELINING",))
    finding = await find("starttls-offered", network(smtp=server))
    assert isinstance(finding.remedy, ByHand)
    assert "bookworm-backports" in finding.remedy.steps
