from auditor.checks import spf_covers_egress
from auditor.evidence.dns import HostAddresses
from auditor.model import (
    Declared,
    Domain,
    Failed,
    Inconclusive,
    NotApplicable,
    Passed,
    PerHost,
    Reason,
    Unavailable,
)
from tests.dns_evidence import DOMAIN, spf


def sender(*addresses):
    return PerHost((("mx.example.org", HostAddresses(v4=addresses)),))


DECLARED = Domain(name="example.org", declared=Declared(domains=("example.org",)))


async def test_an_address_in_the_record_passes():
    seen = await spf(
        "v=spf1 mx -all", **{"example.org MX": ("10 mx.example.org",), "mx.example.org A": ("192.0.2.1",)}
    )
    assert isinstance(spf_covers_egress.judge(seen, sender("192.0.2.1"), DECLARED), Passed)


async def test_an_ipv6_address_that_was_forgotten_fails():
    both = PerHost((("mx.example.org", HostAddresses(v4=("192.0.2.1",), v6=("2001:db8::1",))),))
    verdict = spf_covers_egress.judge(await spf("v=spf1 ip4:192.0.2.1 -all"), both, DECLARED)
    assert isinstance(verdict, Failed)
    assert verdict.observed == ({"host": "mx.example.org", "address": "2001:db8::1"},)


async def test_a_host_of_unknown_role_cannot_fail():
    verdict = spf_covers_egress.judge(await spf("v=spf1 ip4:192.0.2.9 -all"), sender("192.0.2.1"), DOMAIN)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.NOT_DECLARED


async def test_a_macro_may_cover_the_address():
    seen = await spf("v=spf1 exists:%{i}.ok.example -all")
    assert isinstance(spf_covers_egress.judge(seen, sender("192.0.2.1"), DECLARED), Inconclusive)


async def test_a_domain_that_sends_nothing_covers_nothing():
    assert isinstance(
        spf_covers_egress.judge(await spf("v=spf1 -all"), sender("192.0.2.1"), DECLARED), NotApplicable
    )


async def test_an_unseen_host_is_unknown():
    unseen = PerHost((("mx.example.org", Unavailable(Reason.TIMEOUT, "x")),))
    verdict = spf_covers_egress.judge(await spf("v=spf1 ip4:192.0.2.9 -all"), unseen, DECLARED)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.TIMEOUT
