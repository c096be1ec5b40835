from auditor.checks import ipv6_parity
from auditor.model import Failed, Inconclusive, NotApplicable, Passed
from tests.dns_evidence import failing, mx

A = {"a.example A": "192.0.2.1", "a.example AAAA": "2001:db8::1"}


async def test_both_families_everywhere_pass():
    assert isinstance(ipv6_parity.judge(await mx("10 a.example", **A)), Passed)


async def test_no_ipv6_anywhere_is_no_fault():
    assert isinstance(
        ipv6_parity.judge(await mx("10 b.example", **{"b.example A": "192.0.2.2"})), NotApplicable
    )


async def test_a_host_without_ipv6_beside_one_with_it_fails():
    found = ipv6_parity.judge(await mx("10 a.example", "20 b.example", **A, **{"b.example A": "192.0.2.2"}))
    assert isinstance(found, Failed)


async def test_a_host_with_ipv6_alone_fails():
    assert isinstance(
        ipv6_parity.judge(await mx("10 b.example", **{"b.example AAAA": "2001:db8::1"})), Failed
    )


async def test_a_host_that_gave_no_answer_is_unknown():
    found = ipv6_parity.judge(await mx("10 a.example", "20 b.example", **A, **{"b.example A": failing()}))
    assert isinstance(found, Inconclusive)


async def test_no_mx_no_parity():
    assert isinstance(ipv6_parity.judge(await mx("0 .")), NotApplicable)
