"""Steps that take time: a pause, or looks repeated over hours and days. All of it is computed from the journal."""

from auditor.runbook import verifying
from auditor.runbook.book import key
from auditor.runbook.clock import elapsed
from auditor.runbook.desk import Desk
from auditor.runbook.format import Step
from auditor.runbook.state import Progress
from auditor.runbook.values import seconds
from auditor.runbook.world import Outcome, measured


def wait(desk: Desk, step: Step) -> Outcome | None:
    """Ok when the time is over (and every look was good); None while it is not."""
    known = desk.state.step(key(step))
    assert known is not None, "the engine began it"
    assert known.started is not None, "the engine began it"
    gone = elapsed(known.started, desk.world.clock.now())
    if step.words.duration is not None:
        left = seconds(step.words.duration) - gone
        if left <= 0:
            return Outcome.ok()
        _say_when(desk, step, left)
        return None
    for number in range(int(known.data.get("rechecks", 0)), len(step.words.recheck)):
        left = seconds(step.words.recheck[number]) - gone
        if left > 0:
            _say_when(desk, step, left)
            return None
        seen = verifying.verify(desk, step, measured(known.data))
        if seen.result is not Progress.OK:
            return seen
        desk.incident.record("recheck", desk.place(step), {"number": number + 1, "after": round(gone)})
    return Outcome.ok("every look was good")


def _say_when(desk: Desk, step: Step, left: float) -> None:
    desk.say(
        f"  {step.id}: not yet, {spoken(left)} left. Other steps go on; `auditor incident next` looks again."
    )


def spoken(left: float) -> str:
    """Seconds in words: 3 d 4 h, 5 h 10 min, 12 min, 40 s; with a minus where the time is over."""
    sign, rest = ("-" if left < 0 else ""), round(abs(left))
    for size, name, small, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if rest >= size:
            return f"{sign}{rest // size} {name} {rest % size // small} {smaller}"
    return f"{sign}{rest // 60} min" if rest >= 60 else f"{sign}{rest} s"
