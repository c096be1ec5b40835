import pytest

from auditor.model import Severity, Status
from tests.certificates import leaf, session
from tests.mail_server import MailServer, network
from tests.scanning import find


def server(days: float) -> MailServer:
    return MailServer(handshake=session(leaf("mx1.example.org", days=days)))


async def test_two_months_are_enough():
    assert (await find("tls-certificate-fresh", network(smtp=server(60)))).status is Status.PASSED


@pytest.mark.parametrize(
    ("days", "severity", "when"),
    [
        (13, Severity.MEDIUM, "expires in 13 days"),
        (0.4, Severity.HIGH, "expires within a day"),
        (-0.3, Severity.HIGH, "expired today"),
        (-1, Severity.HIGH, "expired 1 day ago"),
    ],
)
async def test_less_than_two_weeks_are_not(days: float, severity: Severity, when: str):
    finding = await find("tls-certificate-fresh", network(smtp=server(days)))
    assert (finding.status, finding.severity) == (Status.FAILED, severity)
    assert finding.summary.endswith(when)
    assert finding.observed[0]["fault"] == when


async def test_a_certificate_that_the_program_makes_anew_each_hour_never_ends():
    der = leaf("vm", issuer="vm", age=0, days=1 / 24)
    here = network(smtp=MailServer(handshake=session(der, trusted=False)))
    assert (await find("tls-certificate-fresh", here)).status is Status.NOT_APPLICABLE
