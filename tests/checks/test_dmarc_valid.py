import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.checks import dmarc_valid
from auditor.evidence.dmarc import is_dmarc, organisation, report_domain, walk
from auditor.model import Failed, Passed, Reason
from auditor.net import CannotLook
from tests.dns_evidence import policy


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


@given(st.text())
def test_any_text_can_be_read(text):
    assert is_dmarc(text) in (True, False)
    assert "@" not in report_domain(text)
    assert organisation(text or "x", {text: (text,)})
