"""The loop shows before it acts, and stops where it must."""

from datetime import UTC, datetime

from auditor.remedy.loop import Loop
from auditor.remedy.plan import Plan, Step
from auditor.remedy.record import Record
from auditor.remedy.run import Ran


class Runner:
    """Pretends to run; `bad` names the playbook that fails, `changed` and `finished` how far it came."""

    def __init__(self, bad=None, changed=0, *, finished=True):
        self.bad = bad
        self.changed = changed
        self.finished = finished
        self.calls = []

    def run(self, step, *, check_mode):
        self.calls.append((step.playbook, check_mode))
        status = "failed" if step.playbook == self.bad else "successful"
        return Ran(
            playbook=step.playbook,
            hosts=step.hosts,
            check_mode=check_mode,
            status=status,
            changed={"mx1": self.changed},
            finished=self.finished,
        )


def loop(tmp_path, runner):
    return Loop(
        runner=runner,
        record=Record(tmp_path, datetime(2026, 11, 21, tzinfo=UTC)),
        announce=lambda _text: None,
    )


def step(playbook, missing=()):
    return Step(playbook=playbook, hosts=("mx1",), tags=("t",), closes=(), derived={}, missing=missing)


def test_a_preview_runs_in_check_mode_only(tmp_path):
    runner = Runner()
    loop(tmp_path, runner).preview([step("a"), step("b")])

    assert runner.calls == [("a", True), ("b", True)]


STEPS = Plan(steps=(step("a"), step("b"), step("c")))


def test_a_step_that_failed_with_changes_stops_the_others(tmp_path):
    runner = Runner(bad="b", changed=1)

    assert not loop(tmp_path, runner).apply(STEPS)
    assert runner.calls == [("a", False), ("b", False)]


def test_a_step_that_was_cut_off_stops_the_others(tmp_path):
    runner = Runner(bad="b", finished=False)

    assert not loop(tmp_path, runner).apply(STEPS)
    assert runner.calls == [("a", False), ("b", False)]


def test_a_missing_variable_of_one_playbook_does_not_leave_the_relay_open(tmp_path):
    runner = Runner(bad="b")

    assert not loop(tmp_path, runner).apply(STEPS)
    assert runner.calls == [("a", False), ("b", False), ("c", False)]


def test_a_step_that_lacks_a_variable_is_not_run(tmp_path):
    runner = Runner()

    assert loop(tmp_path, runner).apply(Plan(steps=(step("a", missing=("x",)), step("b"))))
    assert runner.calls == [("b", False)]
