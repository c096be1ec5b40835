"""The second scan alone says what a repair did."""

import pytest

from auditor.model import Reason, Severity, Status
from auditor.remedy.compare import Outcome, compare, put_off, uncovered, updated
from auditor.remedy.scanned import Result


def result(status, severity=Severity.HIGH, check="relay-closed", reason=None):
    return Result(
        check=check,
        subject_kind="host",
        subject="mx1",
        status=status,
        severity=severity,
        summary="as seen",
        reason=reason,
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
        (Status.NOT_APPLICABLE, Status.FAILED, Outcome.NOW_OPEN),
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


@pytest.mark.parametrize(
    ("before", "after", "comes_to_light"),
    [
        (Status.UNKNOWN, Status.FAILED, True),
        (Status.UNKNOWN, Status.PASSED, False),
        (Status.PASSED, Status.FAILED, False),  # damage, and no work for another round
        (Status.FAILED, Status.FAILED, False),  # its playbook did not close it and will not the second time
        (Status.NOT_APPLICABLE, Status.FAILED, False),
    ],
)
def test_only_what_could_not_be_seen_before_comes_to_light(before, after, comes_to_light):
    assert bool(uncovered([result(before)], [result(after)])) is comes_to_light


@pytest.mark.parametrize(
    ("before", "reason", "late"),
    [
        (Status.FAILED, Reason.RATE_LIMITED, True),
        (Status.PASSED, Reason.RATE_LIMITED, True),
        (Status.UNKNOWN, Reason.RATE_LIMITED, False),  # there is nothing to compare a late answer with
        (Status.FAILED, Reason.TIMEOUT, False),
    ],
)
def test_what_a_rate_limit_hides_is_worth_asking_again_where_it_was_seen_before(before, reason, late):
    assert bool(put_off([result(before)], [result(Status.UNKNOWN, reason=reason.value)])) is late


def test_a_later_answer_replaces_the_earlier_one_and_leaves_the_others():
    other = result(Status.PASSED, check="abuse-accepted")

    merged = updated([result(Status.UNKNOWN), other], [result(Status.PASSED)])

    assert merged == (result(Status.PASSED), other)
