import pytest

from auditor.checks import dmarc_policy_enforced, dmarc_valid
from auditor.model import Failed, Inconclusive, NotApplicable, Passed, Reason, Unavailable
from auditor.net import CannotLook
from tests.dns_evidence import PARKED, SENDS, policy


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


async def test_the_organisations_record_governs_a_subdomain_by_sp():
    seen = await policy(name="mail.example.org", **{"_dmarc.example.org": "v=DMARC1; p=reject; sp=none"})
    assert seen.found_at == "example.org"
    assert isinstance(dmarc_valid.judge(seen), Passed)
    assert isinstance(enforced(seen), Failed)


async def test_an_ancestor_without_answer_does_not_matter_below_an_own_record():
    seen = await policy("v=DMARC1; p=reject", **{"_dmarc.org": CannotLook(Reason.TIMEOUT, "x")})
    assert isinstance(enforced(seen), Passed)


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
    assert isinstance(enforced(seen, Unavailable(Reason.TIMEOUT, "x")), Inconclusive)
