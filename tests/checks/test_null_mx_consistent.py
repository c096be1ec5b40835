from auditor.checks import null_mx_consistent
from auditor.model import Failed, Inconclusive, NotApplicable, Passed, Severity
from tests.dns_evidence import PARKED, SENDS, UNSEEN, mx, policy

REJECT = "v=DMARC1; p=reject"


async def verdict(*records, sender=PARKED, dmarc=REJECT):
    return null_mx_consistent.judge(await mx(*records), sender, await policy(dmarc))


async def test_null_mx_spf_and_dmarc_agree():
    assert isinstance(await verdict("0 ."), Passed)


async def test_null_mx_beside_another_fails():
    found = await verdict("0 .", "10 a.example")
    assert isinstance(found, Failed)
    assert "Does the domain take mail?" in found.by_hand, "no playbook can know that"


async def test_a_domain_that_takes_nothing_but_may_send_fails_mildly():
    found = await verdict("0 .", sender=SENDS)
    assert isinstance(found, Failed)
    assert found.severity is Severity.LOW


async def test_a_domain_that_takes_nothing_but_can_be_forged_fails_mildly():
    assert isinstance(await verdict("0 .", dmarc="v=DMARC1; p=none"), Failed)


async def test_unseen_spf_or_dmarc_leaves_it_unknown():
    assert isinstance(await verdict("0 .", sender=UNSEEN), Inconclusive)
    assert isinstance(null_mx_consistent.judge(await mx("0 ."), PARKED, UNSEEN), Inconclusive)


async def test_without_null_mx_there_is_nothing_to_compare():
    assert isinstance(await verdict("10 a.example"), NotApplicable)
