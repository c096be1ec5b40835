"""The loop shows before it acts, and stops where it must."""

from datetime import UTC, datetime

from auditor.remedy.loop import Loop
from auditor.remedy.plan import Plan, Step
from auditor.remedy.record import Record
from auditor.remedy.run import Ran


class Runner:
    """Pretends to run; `bad` names the playbook that fails."""

    def __init__(self, bad=None):
        self.bad = bad
        self.calls = []

    def run(self, step, *, check_mode):
        self.calls.append((step.playbook, check_mode))
        status = "failed" if step.playbook == self.bad else "successful"
        return Ran(playbook=step.playbook, hosts=step.hosts, check_mode=check_mode, status=status, changed={})


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


def test_the_first_step_that_fails_stops_the_others(tmp_path):
    runner = Runner(bad="b")

    assert not loop(tmp_path, runner).apply(Plan(steps=(step("a"), step("b"), step("c"))))
    assert runner.calls == [("a", False), ("b", False)]


def test_a_step_that_lacks_a_variable_is_not_run(tmp_path):
    runner = Runner()

    assert loop(tmp_path, runner).apply(Plan(steps=(step("a", missing=("x",)), step("b"))))
    assert runner.calls == [("b", False)]
