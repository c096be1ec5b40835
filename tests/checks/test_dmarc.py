"""DMARC, from scripted answers through the probe to the verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.checks import dmarc_policy_enforced, dmarc_reports_authorised, dmarc_valid
from auditor.evidence.dmarc import is_dmarc, organisation, report_domain, walk
from auditor.evidence.spf import SpfRecord, SpfTree
from auditor.model import Domain, Failed, Inconclusive, NotApplicable, Passed, Reason, Severity, Unavailable
from auditor.net import CannotLook
from auditor.probes.dmarc import dmarc_policy
from tests.scripted import ScriptedNetwork

SENDS = SpfTree(records=(SpfRecord(domain="example.org", records=("v=spf1 mx -all",)),))
PARKED = SpfTree(records=(SpfRecord(domain="example.org", records=("v=spf1 -all",)),))


async def policy(record=None, name="example.org", **others):
    table = {
        (key, "TXT"): value if isinstance(value, CannotLook) else (value,) for key, value in others.items()
    }
    for key in [key for key in table if " " in key[0]]:
        owner, kind = key[0].split()
        table[(owner, kind)] = table.pop(key)
    if record is not None:
        table[(f"_dmarc.{name}", "TXT")] = record if isinstance(record, tuple | CannotLook) else (record,)
    return await dmarc_policy(Domain(name=name), ScriptedNetwork(table))


def enforced(seen, spf=SENDS):
    return dmarc_policy_enforced.judge(seen, spf)


async def test_one_record_is_valid():
    seen = await policy("v=DMARC1; p=reject; rua=mailto:dmarc@example.org")
    assert isinstance(dmarc_valid.judge(seen), Passed)
    assert isinstance(enforced(seen), Passed)


async def test_none_is_not():
    seen = await policy()
    assert isinstance(dmarc_valid.judge(seen), Failed)
    assert isinstance(enforced(seen), NotApplicable)


async def test_a_record_without_underscore_dmarc_is_pointed_out():
    verdict = dmarc_valid.judge(await policy(**{"example.org": "v=DMARC1; p=reject"}))
    assert isinstance(verdict, Failed)
    assert verdict.observed == ({"at": "example.org", "record": "v=DMARC1; p=reject"},)


async def test_two_records_are_none():
    assert isinstance(dmarc_valid.judge(await policy(("v=DMARC1; p=none", "v=DMARC1; p=reject"))), Failed)


async def test_unrelated_txt_beside_it_does_no_harm():
    assert isinstance(dmarc_valid.judge(await policy(("v=spf1 -all", "v=DMARC1; p=reject"))), Passed)


@pytest.mark.parametrize(
    "record", ["v=DMARC1; p=rejct", "v=DMARC1; p=none; rua=me@example.org", "v=DMARC1 ; p none"]
)
async def test_a_record_that_cannot_be_parsed_fails(record):
    assert isinstance(dmarc_valid.judge(await policy(record)), Failed)


@pytest.mark.parametrize("reason", [Reason.SERVFAIL, Reason.TIMEOUT])
async def test_a_record_that_could_not_be_asked_is_no_missing_record(reason):
    with pytest.raises(CannotLook) as caught:
        await policy(CannotLook(reason, "x"))
    assert caught.value.reason is reason


# The tree walk of RFC 9989


async def test_the_organisations_record_governs_a_subdomain_by_sp():
    seen = await policy(name="mail.example.org", **{"_dmarc.example.org": "v=DMARC1; p=reject; sp=none"})
    assert seen.found_at == "example.org"
    assert isinstance(dmarc_valid.judge(seen), Passed)
    assert isinstance(enforced(seen), Failed)


async def test_an_ancestor_without_answer_does_not_matter_below_an_own_record():
    seen = await policy("v=DMARC1; p=reject", **{"_dmarc.org": CannotLook(Reason.TIMEOUT, "x")})
    assert isinstance(enforced(seen), Passed)


async def test_an_ancestor_without_answer_leaves_the_policy_unknown():
    with pytest.raises(CannotLook):
        await policy(name="mail.example.org", **{"_dmarc.example.org": CannotLook(Reason.TIMEOUT, "x")})


def test_a_long_name_jumps_to_seven_labels():
    assert walk("a.b.c.d.e.f.g.h.i.example") == (
        "a.b.c.d.e.f.g.h.i.example",
        "d.e.f.g.h.i.example",
        "e.f.g.h.i.example",
        "f.g.h.i.example",
        "g.h.i.example",
        "h.i.example",
        "i.example",
        "example",
    )


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({}, "a.b.example.org"),
        ({"example.org": ("v=DMARC1; p=none",), "b.example.org": ("v=DMARC1; p=none",)}, "example.org"),
        ({"b.example.org": ("v=DMARC1; psd=n",), "example.org": ("v=DMARC1; p=none",)}, "b.example.org"),
        ({"org": ("v=DMARC1; psd=y",)}, "example.org"),
    ],
)
def test_the_organisation_is_found_as_rfc_9989_says(records, expected):
    assert organisation("a.b.example.org", records) == expected


# Enforcement


@pytest.mark.parametrize(
    "record",
    [
        "v=DMARC1; p=none",
        "v=DMARC1; rua=mailto:a@example.org",
        "v=DMARC1; p=reject; t=y",
        "v=DMARC1; p=quarantine; pct=50",
        "v=DMARC1; p=reject; sp=none",
        "v=DMARC1; p=reject; np=none",
    ],
)
async def test_what_lets_forgeries_through_fails(record):
    assert isinstance(enforced(await policy(record)), Failed)


async def test_quarantine_is_enough_for_a_domain_that_sends_and_not_for_one_that_does_not():
    seen = await policy("v=DMARC1; p=quarantine")
    assert isinstance(enforced(seen), Passed)
    assert isinstance(enforced(seen, PARKED), Failed)
    assert isinstance(enforced(seen, Unavailable(Reason.TIMEOUT, "x")), Passed)


# Reports


async def test_no_report_address_fails_mildly():
    verdict = dmarc_reports_authorised.judge(await policy("v=DMARC1; p=reject"))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.LOW


async def test_reports_inside_the_organisation_need_no_consent():
    seen = await policy(
        "v=DMARC1; p=reject; rua=mailto:a@reports.example.org",
        **{"reports.example.org MX": "10 mx.example.org"},
    )
    assert isinstance(dmarc_reports_authorised.judge(seen), Passed)


async def test_a_foreign_address_must_agree():
    record = "v=DMARC1; p=reject; rua=mailto:a@reports.example!10m"
    foreign = {"_dmarc.reports.example": "v=DMARC1; p=reject", "reports.example MX": "10 mx.reports.example"}
    verdict = dmarc_reports_authorised.judge(await policy(record, **foreign))
    assert isinstance(verdict, Failed)
    agreed = {**foreign, "example.org._report._dmarc.reports.example": "v=DMARC1;"}
    assert isinstance(dmarc_reports_authorised.judge(await policy(record, **agreed)), Passed)


async def test_consent_that_could_not_be_asked_is_unknown():
    seen = await policy(
        "v=DMARC1; p=reject; rua=mailto:a@reports.example",
        **{
            "reports.example MX": "10 mx.reports.example",
            "example.org._report._dmarc.reports.example": CannotLook(Reason.SERVFAIL, "x"),
        },
    )
    verdict = dmarc_reports_authorised.judge(seen)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.SERVFAIL


@given(st.text())
def test_any_text_can_be_read(text):
    assert is_dmarc(text) in (True, False)
    assert "@" not in report_domain(text)
    assert organisation(text or "x", {text: (text,)})
