import pytest

from auditor.checks import spf_policy_restrictive
from auditor.model import Failed, NotApplicable, Passed, Severity
from tests.dns_evidence import spf


@pytest.mark.parametrize("record", ["v=spf1 ip4:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 ~all", "v=spf1 -all"])
async def test_a_closing_all_passes(record):
    assert isinstance(spf_policy_restrictive.judge(await spf(record)), Passed)


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
    verdict = spf_policy_restrictive.judge(await spf(record, **{"wide.example A": ("192.0.2.1",)}))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.CRITICAL


async def test_plus_all_behind_a_redirect_is_found():
    verdict = spf_policy_restrictive.judge(
        await spf("v=spf1 redirect=o.example", **{"o.example TXT": ("v=spf1 +all",)})
    )
    assert isinstance(verdict, Failed)


@pytest.mark.parametrize("record", ["v=spf1 ?all", "v=spf1 ip4:192.0.2.1"])
async def test_silence_about_strangers_fails(record):
    verdict = spf_policy_restrictive.judge(await spf(record))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.MEDIUM


async def test_ptr_fails_low():
    verdict = spf_policy_restrictive.judge(await spf("v=spf1 ptr -all"))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.LOW


async def test_without_a_record_there_is_no_policy_to_read():
    assert isinstance(spf_policy_restrictive.judge(await spf()), NotApplicable)
