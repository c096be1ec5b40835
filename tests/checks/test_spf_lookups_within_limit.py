from auditor.checks import spf_lookups_within_limit
from auditor.evidence.spf import understand
from auditor.model import Failed, Inconclusive, Passed, Reason
from auditor.net import CannotLook
from tests.dns_evidence import spf


async def test_ten_lookups_pass_and_eleven_fail():
    names = {f"a{n}.example A": ("192.0.2.1",) for n in range(11)}
    for count, kind in ((10, Passed), (11, Failed)):
        record = "v=spf1 " + " ".join(f"a:a{n}.example" for n in range(count)) + " -all"
        assert isinstance(spf_lookups_within_limit.judge(await spf(record, **names)), kind)


async def test_lookups_of_a_repeated_include_count_each_time():
    """RFC 7208 counts evaluations, not names."""
    inner = {
        "x.example TXT": ("v=spf1 a:h.example a:h.example a:h.example -all",),
        "h.example A": ("192.0.2.1",),
    }
    seen = await spf("v=spf1 include:x.example include:x.example include:x.example -all", **inner)
    assert understand(seen).lookups == 12


async def test_terms_after_all_and_a_redirect_beside_all_do_not_count():
    seen = await spf("v=spf1 redirect=gone.example -all a:one.example a:two.example a:three.example")
    assert understand(seen).lookups == 0
    assert isinstance(spf_lookups_within_limit.judge(seen), Passed)


async def test_three_terms_that_lead_nowhere_fail():
    verdict = spf_lookups_within_limit.judge(
        await spf("v=spf1 a:x.example mx:y.example exists:z.example -all")
    )
    assert isinstance(verdict, Failed)
    assert len(verdict.observed) == 3


async def test_a_name_with_only_ipv6_is_not_void():
    names = {f"{n}.example AAAA": ("2001:db8::1",) for n in "xyz"}
    seen = await spf("v=spf1 a:x.example a:y.example a:z.example -all", **names)
    assert understand(seen).voids == ()


async def test_a_macro_cannot_be_void_before_mail_comes():
    seen = await spf("v=spf1 exists:%{i}.a.example exists:%{i}.b.example exists:%{i}.c.example -all")
    assert (understand(seen).voids, understand(seen).lookups) == ((), 3)


async def test_servfail_is_no_void_lookup():
    names = {f"{n}.example A": CannotLook(Reason.SERVFAIL, "x") for n in "xyz"}
    seen = await spf("v=spf1 a:x.example a:y.example a:z.example -all", **names)
    assert understand(seen).voids == ()
    assert isinstance(spf_lookups_within_limit.judge(seen), Inconclusive)


async def test_more_than_ten_mx_hosts_fail():
    hosts = tuple(f"10 mx{n}.example" for n in range(11))
    verdict = spf_lookups_within_limit.judge(
        await spf("v=spf1 mx:big.example -all", **{"big.example MX": hosts, "mx0.example A": ("192.0.2.1",)})
    )
    assert isinstance(verdict, Failed)


async def test_billions_of_includes_are_counted_in_no_time():
    names = {
        f"n{level}.example TXT": ("v=spf1 " + f"include:n{level + 1}.example " * 9 + "-all",)
        for level in range(15)
    }
    seen = await spf("v=spf1 include:n0.example -all", **names)
    assert understand(seen).lookups == 1000
    assert isinstance(spf_lookups_within_limit.judge(seen), Failed)


async def test_an_endless_chain_of_includes_ends():
    names = {f"n{level}.example TXT": (f"v=spf1 include:n{level + 1}.example -all",) for level in range(500)}
    seen = await spf("v=spf1 include:n0.example -all", **names)
    assert len(seen.records) <= 61
    assert seen.omitted
    assert isinstance(spf_lookups_within_limit.judge(seen), Failed)
