import pytest

from auditor.checks import spf_single_valid_record
from auditor.model import Failed, Inconclusive, Passed, Reason
from auditor.net import CannotLook
from auditor.probes.spf import spf_tree
from tests.dns_evidence import DOMAIN, spf
from tests.scripted import ScriptedNetwork


async def test_one_record_passes():
    assert isinstance(spf_single_valid_record.judge(await spf("v=spf1 ip4:192.0.2.1 -all")), Passed)


async def test_no_record_fails():
    assert isinstance(spf_single_valid_record.judge(await spf()), Failed)


async def test_unrelated_txt_records_are_not_mistaken_for_spf():
    network = ScriptedNetwork(
        {("example.org", "TXT"): ("v=spf10 -all", "google-site-verification=spf", "v=spf1 -all")}
    )
    assert isinstance(spf_single_valid_record.judge(await spf_tree(DOMAIN, network)), Passed)


@pytest.mark.parametrize(
    "text", [" v=spf1 -all", "v=spf2 -all", "V =SPF1 -all", "\\xe2\\x80\\x9cv=spf1 -all"]
)
async def test_a_record_that_was_meant_as_spf_is_shown(text):
    verdict = spf_single_valid_record.judge(await spf(text))
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
    assert isinstance(spf_single_valid_record.judge(await spf(record)), Failed)


async def test_an_include_without_a_record_is_a_permanent_error():
    verdict = spf_single_valid_record.judge(
        await spf("v=spf1 include:gone.example -all", **{"gone.example A": ("192.0.2.1",)})
    )
    assert isinstance(verdict, Failed)
    assert "gone.example" in verdict.summary


async def test_a_circle_of_includes_fails_and_ends():
    verdict = spf_single_valid_record.judge(
        await spf("v=spf1 include:a.example -all", **{"a.example TXT": ("v=spf1 include:example.org -all",)})
    )
    assert isinstance(verdict, Failed)
    assert "circle" in verdict.summary


@pytest.mark.parametrize("reason", [Reason.SERVFAIL, Reason.TIMEOUT, Reason.DNS_REFUSED])
async def test_an_include_that_could_not_be_asked_is_unknown_not_a_permanent_error(reason):
    """Checkdmarc reports it as permerror."""
    seen = await spf("v=spf1 include:slow.example -all", **{"slow.example TXT": CannotLook(reason, "x")})
    verdict = spf_single_valid_record.judge(seen)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is reason
