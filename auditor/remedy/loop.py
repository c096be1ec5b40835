"""The repair loop: preview, consent, run, and what stops it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from auditor.remedy.plan import Plan, Step
from auditor.remedy.record import Record
from auditor.remedy.run import Ran, Runner


@dataclass(slots=True, kw_only=True)
class Loop:
    """Runs the steps of one plan. The scans before and after are the caller's."""

    runner: Runner
    record: Record
    announce: Callable[[str], None]
    ran: list[Ran] = field(default_factory=list)

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
            ran = self.runner.run(step, check_mode=False)
            self.ran.append(ran)
            self.record.ran(ran)
            if ran.good:
                continue
            good = False
            if any(ran.changed.values()) or not ran.finished:
                self.announce(f"{step.playbook} did not come to its end; the steps after it are not run")
                break
            self.announce(f"{step.playbook} failed before it changed anything; going on with the next")
        return good
