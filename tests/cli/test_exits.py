from itertools import product

import pytest

from auditor.cli._exits import Exit, exit_code
from auditor.model import ByHand, Family, Finding, Severity, Status


def finding(status, severity=Severity.HIGH, accepted=None):
    return Finding(
        check="relay-closed",
        title="Mail for strangers is refused",
        family=Family.RELAY,
        subject_kind="host",
        subject="mx1.example.org",
        status=status,
        severity=severity,
        summary="seen",
        remedy=ByHand("close it"),
        runbook="open-relay",
        accepted=accepted,
    )


EXPECTED = {Status.CRASH: 4, Status.FAILED: 1, Status.UNKNOWN: 3, Status.PASSED: 0, Status.NOT_APPLICABLE: 0}
PRECEDENCE = (4, 1, 3, 0)


@pytest.mark.parametrize(("one", "other"), list(product(Status, Status)))
def test_the_worst_of_two_decides(one, other):
    code = exit_code([finding(one), finding(other)], fail_on=Severity.HIGH, allow_unknown=False)
    assert code == min((EXPECTED[one], EXPECTED[other]), key=PRECEDENCE.index)


def test_nothing_found_at_all_is_clean():
    assert exit_code([], fail_on=Severity.HIGH, allow_unknown=False) == Exit.CLEAN


@pytest.mark.parametrize(("severity", "fail_on"), list(product(Severity, Severity)))
def test_fail_on_is_the_mildest_severity_that_counts(severity, fail_on):
    code = exit_code([finding(Status.FAILED, severity)], fail_on=fail_on, allow_unknown=False)
    assert code == (Exit.FINDINGS if severity.rank <= fail_on.rank else Exit.CLEAN)


def test_allow_unknown_forgives_the_unknown_and_nothing_else():
    unknown = finding(Status.UNKNOWN)
    assert exit_code([unknown], fail_on=Severity.HIGH, allow_unknown=True) == Exit.CLEAN
    assert (
        exit_code([unknown, finding(Status.FAILED)], fail_on=Severity.HIGH, allow_unknown=True)
        == Exit.FINDINGS
    )
    assert (
        exit_code([unknown, finding(Status.CRASH)], fail_on=Severity.HIGH, allow_unknown=True) == Exit.CRASH
    )


def test_an_accepted_risk_does_not_count():
    accepted = finding(Status.FAILED, accepted="being replaced (until 2027-01-31)")
    assert exit_code([accepted], fail_on=Severity.HIGH, allow_unknown=False) == Exit.CLEAN
