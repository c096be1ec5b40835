"""Two scans of the same checks -> what became of each finding. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from auditor.model import Reason, Status
from auditor.remedy.scanned import Result


class Outcome(StrEnum):
    """What a repair did, judged by the second scan alone."""

    CLOSED = "closed"
    STILL_OPEN = "still open"
    WORSE = "worse"
    NOW_OPEN = "now open"
    """There was nothing to judge before: a DMARC policy cannot be weak before there is one. A step forward, and not the last."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One finding before and after."""

    before: Result
    after: Result | None
    outcome: Outcome

    @property
    def regression(self) -> bool:
        """Was fine before, is not fine now: the repair's own damage."""
        return self.before.status is not Status.FAILED and self.outcome is Outcome.WORSE


_OPEN_AFTER = {Status.PASSED: Outcome.WORSE, Status.NOT_APPLICABLE: Outcome.NOW_OPEN}
"""What a failure is called that was none before; what could not be seen before was there all the time."""


def compare(before: Iterable[Result], after: Iterable[Result]) -> tuple[Change, ...]:
    """Every finding that was open, and everything that passed and no longer does.

    A finding that the second scan does not mention, or could not see, is UNKNOWN, never CLOSED.
    """
    earlier = {result.key: result for result in before}
    later = {result.key: result for result in after}
    changes = []
    for result in earlier.values():
        outcome = _outcome(result, later.get(result.key))
        if outcome is not None:
            changes.append(Change(before=result, after=later.get(result.key), outcome=outcome))
    changes += [
        Change(before=result, after=result, outcome=Outcome.WORSE)
        for key, result in later.items()
        if result.status is Status.FAILED and key not in earlier
    ]
    return tuple(changes)


def _outcome(before: Result, after: Result | None) -> Outcome | None:
    """None where there is nothing to tell."""
    was_open = before.status is Status.FAILED
    if after is None or after.status in (Status.UNKNOWN, Status.CRASH):
        return Outcome.UNKNOWN if was_open or before.status is Status.PASSED else None
    if after.status is not Status.FAILED:
        return Outcome.CLOSED if was_open else None
    if not was_open:
        return _OPEN_AFTER.get(before.status, Outcome.STILL_OPEN)
    return Outcome.WORSE if after.severity.rank < before.severity.rank else Outcome.STILL_OPEN


def uncovered(before: Iterable[Result], after: Iterable[Result]) -> tuple[Result, ...]:
    """Open now, and not to be seen before: what the repair brought to light.

    An open relay that asks no rule about its own mailboxes (Debian's Exim) hides which of them it refuses.
    """
    hidden = {result.key for result in before if result.status in (Status.UNKNOWN, Status.CRASH)}
    return tuple(r for r in after if r.status is Status.FAILED and not r.accepted and r.key in hidden)


def put_off(before: Iterable[Result], after: Iterable[Result]) -> tuple[Result, ...]:
    """What had an answer before the repair, and has none now because the server takes no more of us for a while."""
    answered = {r.key for r in before if r.status not in (Status.UNKNOWN, Status.CRASH)}
    return tuple(
        r
        for r in after
        if r.status is Status.UNKNOWN and r.reason == Reason.RATE_LIMITED.value and r.key in answered
    )


def updated(results: Iterable[Result], by: Iterable[Result]) -> tuple[Result, ...]:
    """The same results, each replaced by the later answer to its question where there is one."""
    merged = {result.key: result for result in results}
    merged.update((result.key, result) for result in by)
    return tuple(merged.values())
