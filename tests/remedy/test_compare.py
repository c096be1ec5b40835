"""The second scan alone says what a repair did."""

import pytest

from auditor.model import Severity, Status
from auditor.remedy.compare import Outcome, compare
from auditor.remedy.scanned import Result


def result(status, severity=Severity.HIGH, check="relay-closed"):
    return Result(
        check=check,
        subject_kind="host",
        subject="mx1",
        status=status,
        severity=severity,
        summary="as seen",
    )


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (Status.FAILED, Status.PASSED, Outcome.CLOSED),
        (Status.FAILED, Status.NOT_APPLICABLE, Outcome.CLOSED),
        (Status.FAILED, Status.FAILED, Outcome.STILL_OPEN),
        (Status.FAILED, Status.UNKNOWN, Outcome.UNKNOWN),
        (Status.FAILED, Status.CRASH, Outcome.UNKNOWN),
        (Status.PASSED, Status.FAILED, Outcome.WORSE),
        (Status.PASSED, Status.UNKNOWN, Outcome.UNKNOWN),
        (Status.NOT_APPLICABLE, Status.FAILED, Outcome.WORSE),
        (Status.UNKNOWN, Status.FAILED, Outcome.STILL_OPEN),
    ],
)
def test_each_pair_of_answers_has_its_word(before, after, outcome):
    assert [c.outcome for c in compare([result(before)], [result(after)])] == [outcome]


@pytest.mark.parametrize("status", [Status.PASSED, Status.UNKNOWN, Status.NOT_APPLICABLE])
def test_what_was_fine_or_unseen_and_stayed_so_is_not_told(status):
    assert compare([result(status)], [result(status)]) == ()


def test_a_finding_that_the_second_scan_does_not_mention_is_unknown_and_not_closed():
    (change,) = compare([result(Status.FAILED)], [])

    assert change.outcome is Outcome.UNKNOWN


def test_a_finding_that_became_more_severe_is_worse():
    before, after = result(Status.FAILED, Severity.LOW), result(Status.FAILED, Severity.CRITICAL)

    assert compare([before], [after])[0].outcome is Outcome.WORSE


def test_damage_by_the_repair_itself_is_marked():
    (change,) = compare([result(Status.PASSED)], [result(Status.FAILED)])

    assert change.regression


def test_a_failure_that_only_the_second_scan_has_is_told():
    (change,) = compare([], [result(Status.FAILED)])

    assert change.outcome is Outcome.WORSE
