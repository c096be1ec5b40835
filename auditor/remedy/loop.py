"""The repair loop: preview, consent, run, scan again, and what stops it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from auditor.remedy.compare import put_off, uncovered, updated
from auditor.remedy.plan import Plan, Step
from auditor.remedy.record import Record
from auditor.remedy.run import Ran, Runner
from auditor.remedy.scanned import Scanned

ROUNDS = 3
"""What a repair brings to light is repaired too, but a host on which every repair uncovers another needs a person."""
PATIENCE = 660.0
"""Seconds: Debian's Sendmail counts connections for ten minutes (confCONNECTION_RATE_WINDOW_SIZE), the longest
window of the four programs as packaged, in portions of a sixth; a refused connection counts as well."""


@dataclass(slots=True, kw_only=True)
class Loop:
    """Runs the steps of one plan. The scans before and after are the caller's."""

    runner: Runner
    record: Record
    announce: Callable[[str], None]
    ran: list[Ran] = field(default_factory=list)
    halted: bool = False
    """A step was cut off, or failed after it had changed something: a person has to look."""

    def preview(self, steps: Sequence[Step]) -> tuple[Ran, ...]:
        """Each step in check mode with its diff. Changes nothing."""
        done = []
        for step in steps:
            self.announce(f"would run {step.playbook} on {', '.join(step.hosts)}")
            done.append(self.runner.run(step, check_mode=True))
        return tuple(done)

    def apply(self, plan: Plan) -> bool:
        """Each step for real, in order. True when every one came to its end.

        A step that fails without having changed anything (a variable is missing, a candidate was refused)
        is no reason to leave the relay open, so the next one is tried. After one that failed with changes
        nothing more is done: the playbook has put back what it could, and a person has to look.
        """
        good = True
        for step in plan.runnable:
            self.announce(f"running {step.playbook} on {', '.join(step.hosts)}")
            self.record.running(step.playbook, step.hosts)
            ran = self.runner.run(step, check_mode=False, at=self.record.at)
            self.ran.append(ran)
            self.record.ran(ran)
            if ran.good:
                continue
            good = False
            if any(ran.changed.values()) or not ran.finished:
                self.announce(f"{step.playbook} did not come to its end; the steps after it are not run")
                self.halted = True
                break
            self.announce(f"{step.playbook} failed before it changed anything; going on with the next")
        return good


@dataclass(slots=True, kw_only=True)
class Rounds:
    """Repairs, scans again, and repairs what only then could be seen."""

    loop: Loop
    scan: Callable[[Sequence[str]], Scanned]
    """Asks these checks again, from outside and inside."""
    plan: Callable[[Scanned], Plan]
    agree: Callable[[Plan], bool]
    """Told before each round what it would do; False ends the repair."""
    pause: Callable[[float], None]
    patience: float = PATIENCE

    def repair(self, start: Scanned, plan: Plan) -> tuple[Scanned, Scanned] | None:
        """What there was to repair, and what is seen of it now. None when the first round was not agreed to.

        What came to light between counts as there from the start, so that it is told as closed or still open.
        """
        before, after = start, None
        for _ in range(ROUNDS):
            if not self.agree(plan):
                break
            self.loop.apply(plan)
            after = self._look(before)
            shown = uncovered(before.results, after.results)
            if self.loop.halted or not shown:
                break
            plan = self.plan(replace(after, results=shown))
            if not plan.runnable:
                break
            self.loop.announce(f"{len(shown)} findings could not be seen before and are open")
            before = replace(before, results=updated(before.results, shown))
        return None if after is None else (before, after)

    def _look(self, before: Scanned) -> Scanned:
        """The same checks again; those that a rate limit kept from being seen once more, when it must have passed."""
        after = self.scan(_checks(before))
        late = put_off(before.results, after.results)
        if not late or not self.patience or self.loop.halted:
            return after
        names = ", ".join(sorted({result.check for result in late}))
        self.loop.announce(
            f"the server takes no more connections from here for now;"
            f" in {self.patience:.0f} s it is asked again: {names}"
        )
        self.pause(self.patience)
        again = self.scan(tuple(dict.fromkeys(result.check for result in late)))
        return replace(after, results=updated(after.results, again.results))


def _checks(scanned: Scanned) -> tuple[str, ...]:
    return tuple(sorted({result.check for result in scanned.results}))
