import pytest

from auditor.model import Status
from tests.mail_server import MailServer, network
from tests.scanning import find


@pytest.mark.parametrize(
    "banner",
    [
        "220 mx1.example.org ESMTP",
        "220 mx1.example.org ESMTP Postfix (Debian/GNU)",
        "220 mx1.example.org ESMTP OpenSMTPD",
        "220 mx1.example.org ESMTP 2026-11-21 12:00:00.5",
    ],
)
async def test_the_name_of_the_program_alone_does_no_harm(banner: str):
    finding = await find("banner-discreet", network(smtp=MailServer(banner=banner)))
    assert finding.status is Status.PASSED


@pytest.mark.parametrize(
    ("banner", "shown"),
    [
        ("220 vm ESMTP Exim 4.98.2 Sat, 21 Nov 2026 12:00:00 +0000", "Exim 4.98.2"),
        ("220 mx ESMTP Sendmail 8.18.1/8.18.1/Debian-6; Sat", "Sendmail 8.18.1/8.18.1/Debian-6"),
    ],
)
async def test_a_version_is_told_to_everybody(banner: str, shown: str):
    finding = await find("banner-discreet", network(smtp=MailServer(banner=banner)))
    assert finding.status is Status.FAILED
    assert finding.observed[0]["version"] == shown
