"""Did it work? The answer comes from looking, never from an exit code alone, and "cannot see" is not "yes"."""

from typing import Final

from auditor.runbook.clock import elapsed
from auditor.runbook.desk import Desk
from auditor.runbook.display import escaped
from auditor.runbook.format import Step, Use, Verify
from auditor.runbook.state import Progress
from auditor.runbook.values import seconds
from auditor.runbook.world import Measured, Outcome
from auditor.transport.remote import CannotReach

_PAUSE: Final = 2.0
_MARK: Final = {Progress.OK: "ok", Progress.FAILED: "FAILED", Progress.UNKNOWN: "UNKNOWN"}


def verify(desk: Desk, step: Step, before: Measured | None) -> Outcome:
    """Every verification of a step: failed when one failed, else unknown when one is unknown, else ok."""
    look = _Look(desk, step, before)
    seen: list[tuple[Verify, Outcome]] = []
    for number, one in enumerate(step.words.verify, 1):
        outcome = look.patiently(one, number)
        desk.say(
            f"  verify {escaped(one.name())}: {_MARK[outcome.result]} {escaped(outcome.detail)}".rstrip()
        )
        seen.append((one, outcome))
    return _together(seen)


def holds_still(desk: Desk, step: Step) -> Outcome:
    """Whether a temporary measure is still what it was: its probes and blocks again, no questions, no scan."""
    look = _Look(desk, step, None)
    looks = [(n, one) for n, one in enumerate(step.words.verify, 1) if one.probe is not None or one.shell]
    return _together([(one, look.once(one, number)) for number, one in looks])


def _together(seen: list[tuple[Verify, Outcome]]) -> Outcome:
    for result in (Progress.FAILED, Progress.UNKNOWN):
        bad = [f"{one.name()}: {outcome.detail}" for one, outcome in seen if outcome.result is result]
        if bad:
            return Outcome(result=result, detail="; ".join(bad))
    return Outcome.ok("; ".join(outcome.detail for _one, outcome in seen if outcome.detail))


class _Look:
    """Looks at what one step did. Its findings come from one scan: a host may count connections, and each costs seconds."""

    def __init__(self, desk: Desk, step: Step, before: Measured | None) -> None:
        self._desk, self._step, self._before = desk, step, before
        self._wanted = [one.finding for one in step.words.verify if one.finding is not None]
        self._scanned: dict[str, Outcome] = {}

    def patiently(self, one: Verify, number: int) -> Outcome:
        """Until it is ok, or the time that the runbook gives is over."""
        desk = self._desk
        outcome = self.once(one, number)
        if one.within is None:
            return outcome
        began = desk.world.clock.now()
        while outcome.result is not Progress.OK and elapsed(began, desk.world.clock.now()) < seconds(
            one.within
        ):
            desk.world.sleep(_PAUSE)
            outcome = self.once(one, number)
        return outcome

    def once(self, one: Verify, number: int) -> Outcome:
        """One look."""
        desk, step = self._desk, self._step
        try:
            if one.probe is not None:
                args = {name: desk.filled(str(value), step) for name, value in one.args.items()}
                if one.probe == "queue.reduced-by-selection":
                    args["selected_count"] = desk.value("selected_count", step)
                return desk.world.probe(one.probe, args, desk.state, self._before)
            if one.finding is not None:
                return self._finding(one.finding)
            if one.shell:
                return _shell(desk, step)
            statement = one.person or ""
            said = desk.ask.yes(f"{step.id}.person-{number}", f"Is this so? {escaped(statement)}")
            return Outcome.ok("confirmed") if said else Outcome.failed("the operator says no")
        except CannotReach as error:
            return Outcome.unknown(str(error))

    def _finding(self, check: str) -> Outcome:
        """The first brings all of the step's along; asked for again, it is scanned again, alone."""
        if check not in self._scanned:
            self._scanned |= self._desk.world.scan(self._wanted or [check], self._desk.state)
            self._wanted = []
        return self._scanned.pop(check)


def _shell(desk: Desk, step: Step) -> Outcome:
    block = desk.block(step, Use.VERIFY)
    if block is None:
        return Outcome.unknown("no verify block for this platform")
    ran = desk.world.remote.run(desk.program(step, block))
    said = escaped((ran.stdout + b" " + ran.stderr).decode("utf-8", "backslashreplace").strip())[:200]
    match ran.exit:
        case 0:
            return Outcome.ok(said)
        case 1:
            return Outcome.failed(said)
        case code:
            return Outcome.unknown(f"exit {code} {said}")
