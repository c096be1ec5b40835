"""SPF, from scripted answers through the probe to the verdict."""

import pytest

from auditor.checks import (
    spf_covers_egress,
    spf_lookups_within_limit,
    spf_policy_restrictive,
    spf_single_valid_record,
)
from auditor.evidence.dns import HostAddresses
from auditor.evidence.spf import SpfTree, understand
from auditor.model import (
    Declared,
    Domain,
    Failed,
    Inconclusive,
    NotApplicable,
    Passed,
    PerHost,
    Reason,
    Severity,
    Unavailable,
)
from auditor.net import CannotLook
from auditor.probes.spf import spf_tree
from tests.scripted import ScriptedNetwork, answer

DOMAIN = Domain(name="example.org")


async def tree(record=None, **others) -> SpfTree:
    """`others`: "name KIND" -> records, or a CannotLook."""
    table = {tuple(key.split()): value for key, value in others.items()}
    table[("example.org", "TXT")] = () if record is None else (record,)
    if record is None:
        table[("example.org", "TXT")] = answer("example.org", "TXT")
    return await spf_tree(DOMAIN, ScriptedNetwork(table))


# spf-single-valid-record


async def test_one_record_passes():
    assert isinstance(spf_single_valid_record.judge(await tree("v=spf1 ip4:192.0.2.1 -all")), Passed)


async def test_no_record_fails():
    assert isinstance(spf_single_valid_record.judge(await tree()), Failed)


async def test_unrelated_txt_records_are_not_mistaken_for_spf():
    network = ScriptedNetwork(
        {("example.org", "TXT"): ("v=spf10 -all", "google-site-verification=spf", "v=spf1 -all")}
    )
    assert isinstance(spf_single_valid_record.judge(await spf_tree(DOMAIN, network)), Passed)


@pytest.mark.parametrize(
    "text", [" v=spf1 -all", "v=spf2 -all", "V =SPF1 -all", "\\xe2\\x80\\x9cv=spf1 -all"]
)
async def test_a_record_that_was_meant_as_spf_is_shown(text):
    verdict = spf_single_valid_record.judge(await tree(text))
    assert isinstance(verdict, Failed)


async def test_two_records_fail():
    network = ScriptedNetwork({("example.org", "TXT"): ("v=spf1 -all", "v=spf1 ip4:192.0.2.1 -all")})
    verdict = spf_single_valid_record.judge(await spf_tree(DOMAIN, network))
    assert isinstance(verdict, Failed)
    assert "2 SPF records" in verdict.summary


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 ip4:192.0.2.1/33 -all",
        "v=spf1 ip4:300.0.2.1 -all",
        "v=spf1 ipv4:192.0.2.1 -all",
        "v=spf1 a:%{z}.example -all",
        "v=spf1 include: -all",
        "v=spf1 ip4:192.0.2.1-all",
    ],
)
async def test_a_syntax_error_fails(record):
    assert isinstance(spf_single_valid_record.judge(await tree(record)), Failed)


async def test_an_include_without_a_record_is_a_permanent_error():
    verdict = spf_single_valid_record.judge(
        await tree("v=spf1 include:gone.example -all", **{"gone.example A": ("192.0.2.1",)})
    )
    assert isinstance(verdict, Failed)
    assert "gone.example" in verdict.summary


async def test_a_circle_of_includes_fails_and_ends():
    verdict = spf_single_valid_record.judge(
        await tree("v=spf1 include:a.example -all", **{"a.example TXT": ("v=spf1 include:example.org -all",)})
    )
    assert isinstance(verdict, Failed)
    assert "circle" in verdict.summary


@pytest.mark.parametrize("reason", [Reason.SERVFAIL, Reason.TIMEOUT, Reason.DNS_REFUSED])
async def test_an_include_that_could_not_be_asked_is_unknown_not_a_permanent_error(reason):
    """Checkdmarc reports it as permerror."""
    seen = await tree("v=spf1 include:slow.example -all", **{"slow.example TXT": CannotLook(reason, "x")})
    verdict = spf_single_valid_record.judge(seen)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is reason


# spf-lookups-within-limit


async def test_ten_lookups_pass_and_eleven_fail():
    names = {f"a{n}.example A": ("192.0.2.1",) for n in range(11)}
    for count, kind in ((10, Passed), (11, Failed)):
        record = "v=spf1 " + " ".join(f"a:a{n}.example" for n in range(count)) + " -all"
        assert isinstance(spf_lookups_within_limit.judge(await tree(record, **names)), kind)


async def test_lookups_of_a_repeated_include_count_each_time():
    """RFC 7208 counts evaluations, not names."""
    inner = {
        "x.example TXT": ("v=spf1 a:h.example a:h.example a:h.example -all",),
        "h.example A": ("192.0.2.1",),
    }
    seen = await tree("v=spf1 include:x.example include:x.example include:x.example -all", **inner)
    assert understand(seen).lookups == 12


async def test_terms_after_all_and_a_redirect_beside_all_do_not_count():
    seen = await tree("v=spf1 redirect=gone.example -all a:one.example a:two.example a:three.example")
    assert understand(seen).lookups == 0
    assert isinstance(spf_lookups_within_limit.judge(seen), Passed)


async def test_three_terms_that_lead_nowhere_fail():
    verdict = spf_lookups_within_limit.judge(
        await tree("v=spf1 a:x.example mx:y.example exists:z.example -all")
    )
    assert isinstance(verdict, Failed)
    assert len(verdict.observed) == 3


async def test_a_name_with_only_ipv6_is_not_void():
    names = {f"{n}.example AAAA": ("2001:db8::1",) for n in "xyz"}
    seen = await tree("v=spf1 a:x.example a:y.example a:z.example -all", **names)
    assert understand(seen).voids == ()


async def test_a_macro_cannot_be_void_before_mail_comes():
    seen = await tree("v=spf1 exists:%{i}.a.example exists:%{i}.b.example exists:%{i}.c.example -all")
    assert (understand(seen).voids, understand(seen).lookups) == ((), 3)


async def test_servfail_is_no_void_lookup():
    names = {f"{n}.example A": CannotLook(Reason.SERVFAIL, "x") for n in "xyz"}
    seen = await tree("v=spf1 a:x.example a:y.example a:z.example -all", **names)
    assert understand(seen).voids == ()
    assert isinstance(spf_lookups_within_limit.judge(seen), Inconclusive)


async def test_more_than_ten_mx_hosts_fail():
    hosts = tuple(f"10 mx{n}.example" for n in range(11))
    verdict = spf_lookups_within_limit.judge(
        await tree("v=spf1 mx:big.example -all", **{"big.example MX": hosts, "mx0.example A": ("192.0.2.1",)})
    )
    assert isinstance(verdict, Failed)


async def test_billions_of_includes_are_counted_in_no_time():
    names = {
        f"n{level}.example TXT": ("v=spf1 " + f"include:n{level + 1}.example " * 9 + "-all",)
        for level in range(15)
    }
    seen = await tree("v=spf1 include:n0.example -all", **names)
    assert understand(seen).lookups == 1000
    assert isinstance(spf_lookups_within_limit.judge(seen), Failed)


async def test_an_endless_chain_of_includes_ends():
    names = {f"n{level}.example TXT": (f"v=spf1 include:n{level + 1}.example -all",) for level in range(500)}
    seen = await tree("v=spf1 include:n0.example -all", **names)
    assert len(seen.records) <= 61
    assert seen.omitted
    assert isinstance(spf_lookups_within_limit.judge(seen), Failed)


# spf-policy-restrictive


@pytest.mark.parametrize("record", ["v=spf1 ip4:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 ~all", "v=spf1 -all"])
async def test_a_closing_all_passes(record):
    assert isinstance(spf_policy_restrictive.judge(await tree(record)), Passed)


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 +all",
        "v=spf1 all",
        "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all",
        "v=spf1 ip6:::/1 -all",
        "v=spf1 a:wide.example/1 -all",
    ],
)
async def test_a_pass_for_everybody_is_critical(record):
    verdict = spf_policy_restrictive.judge(await tree(record, **{"wide.example A": ("192.0.2.1",)}))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.CRITICAL


async def test_plus_all_behind_a_redirect_is_found():
    verdict = spf_policy_restrictive.judge(
        await tree("v=spf1 redirect=o.example", **{"o.example TXT": ("v=spf1 +all",)})
    )
    assert isinstance(verdict, Failed)


@pytest.mark.parametrize("record", ["v=spf1 ?all", "v=spf1 ip4:192.0.2.1"])
async def test_silence_about_strangers_fails(record):
    verdict = spf_policy_restrictive.judge(await tree(record))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.MEDIUM


async def test_ptr_fails_low():
    verdict = spf_policy_restrictive.judge(await tree("v=spf1 ptr -all"))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.LOW


async def test_without_a_record_there_is_no_policy_to_read():
    assert isinstance(spf_policy_restrictive.judge(await tree()), NotApplicable)


# spf-covers-egress


def sender(*addresses):
    return PerHost((("mx.example.org", HostAddresses(v4=addresses)),))


DECLARED = Domain(name="example.org", declared=Declared(domains=("example.org",)))


async def test_an_address_in_the_record_passes():
    seen = await tree(
        "v=spf1 mx -all", **{"example.org MX": ("10 mx.example.org",), "mx.example.org A": ("192.0.2.1",)}
    )
    assert isinstance(spf_covers_egress.judge(seen, sender("192.0.2.1"), DECLARED), Passed)


async def test_an_ipv6_address_that_was_forgotten_fails():
    both = PerHost((("mx.example.org", HostAddresses(v4=("192.0.2.1",), v6=("2001:db8::1",))),))
    verdict = spf_covers_egress.judge(await tree("v=spf1 ip4:192.0.2.1 -all"), both, DECLARED)
    assert isinstance(verdict, Failed)
    assert verdict.observed == ({"host": "mx.example.org", "address": "2001:db8::1"},)


async def test_a_host_of_unknown_role_cannot_fail():
    verdict = spf_covers_egress.judge(await tree("v=spf1 ip4:192.0.2.9 -all"), sender("192.0.2.1"), DOMAIN)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.NOT_DECLARED


async def test_a_macro_may_cover_the_address():
    seen = await tree("v=spf1 exists:%{i}.ok.example -all")
    assert isinstance(spf_covers_egress.judge(seen, sender("192.0.2.1"), DECLARED), Inconclusive)


async def test_a_domain_that_sends_nothing_covers_nothing():
    assert isinstance(
        spf_covers_egress.judge(await tree("v=spf1 -all"), sender("192.0.2.1"), DECLARED), NotApplicable
    )


async def test_an_unseen_host_is_unknown():
    unseen = PerHost((("mx.example.org", Unavailable(Reason.TIMEOUT, "x")),))
    verdict = spf_covers_egress.judge(await tree("v=spf1 ip4:192.0.2.9 -all"), unseen, DECLARED)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.TIMEOUT
