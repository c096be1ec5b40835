from auditor.checks import dnssec_not_bogus
from auditor.model import Failed, Inconclusive, NotApplicable, Passed, Reason
from auditor.probes.mx import mail_exchangers
from auditor.probes.zone import zone_validation
from tests.dns_evidence import DOMAIN, failing, zone
from tests.scripted import answer

MX = answer("example.org", "MX", "10 mx.example.org")
SECURE = answer("example.org", "MX", "10 mx.example.org", secure=True)
HOST = answer("mx.example.org", "A", "192.0.2.1", secure=True)
DS = {"example.org DS": "1 13 2 00"}


async def verdict(**table):
    network = zone(table)
    seen = await mail_exchangers(DOMAIN, zone({"example.org MX": MX, "mx.example.org A": "192.0.2.1"}))
    return dnssec_not_bogus.judge(await zone_validation(DOMAIN, seen, network))


async def test_a_signed_zone_that_validates_passes():
    assert isinstance(await verdict(**DS, **{"example.org MX": SECURE, "mx.example.org A": HOST}), Passed)


async def test_an_unsigned_zone_is_no_fault():
    assert isinstance(await verdict(**{"example.org MX": MX, "mx.example.org A": "192.0.2.1"}), NotApplicable)


async def test_a_bogus_zone_fails():
    found = await verdict(
        **DS,
        **{
            "example.org MX": failing(Reason.SERVFAIL),
            "example.org MX +cd": MX,
            "mx.example.org A": failing(Reason.SERVFAIL),
            "mx.example.org A +cd": "192.0.2.1",
        },
    )
    assert isinstance(found, Failed)
    assert len(found.observed) == 2


async def test_a_dead_zone_is_unknown_not_bogus():
    found = await verdict(**DS, **{"example.org MX": failing(Reason.SERVFAIL), "mx.example.org A": HOST})
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.SERVFAIL


async def test_a_timeout_is_unknown():
    found = await verdict(**DS, **{"example.org MX": failing(Reason.TIMEOUT), "example.org MX +cd": MX})
    assert isinstance(found, Inconclusive)


async def test_a_resolver_that_does_not_validate_cannot_tell():
    found = await verdict(**DS, **{"example.org MX": MX, "mx.example.org A": "192.0.2.1"})
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.UNSUPPORTED
