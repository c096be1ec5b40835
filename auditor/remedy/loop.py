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
        """Each step for real, in order; stops at the first that does not come to its end.

        The playbooks restore what they changed when their own verification fails, so what was done
        before stays done and whole, and what comes after is not tried on a host in an unknown state.
        """
        for step in plan.runnable:
            self.announce(f"running {step.playbook} on {', '.join(step.hosts)}")
            self.record.running(step.playbook, step.hosts)
            ran = self.runner.run(step, check_mode=False)
            self.ran.append(ran)
            self.record.ran(ran)
            if not ran.good:
                self.announce(f"{step.playbook} did not come to its end; the steps after it are not run")
                return False
        return True
