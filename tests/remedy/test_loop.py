"""The loop shows before it acts, stops where it must, and goes round again for what it brought to light."""

from datetime import UTC, datetime

from auditor.model import Reason, Severity, Status
from auditor.remedy.loop import ROUNDS, Loop, Rounds
from auditor.remedy.plan import Plan, Step
from auditor.remedy.record import Record
from auditor.remedy.run import Ran
from auditor.remedy.scanned import Result, Scanned


class Runner:
    """Pretends to run; `bad` names the playbook that fails, `changed` and `finished` how far it came."""

    def __init__(self, bad=None, changed=0, *, finished=True):
        self.bad = bad
        self.changed = changed
        self.finished = finished
        self.calls = []

    def run(self, step, *, check_mode, at=None):
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


def seen(check, status, reason=None):
    return Result(
        check=check,
        subject_kind="host",
        subject="mx1",
        status=status,
        severity=Severity.HIGH,
        summary="as seen",
        playbook=check,
        reason=reason,
    )


def scanned(*results):
    return Scanned(results=results, targets=("mx1",))


class World:
    """Answers each further scan with the next of `scans`, plans one step per open finding, notes every wait."""

    def __init__(self, tmp_path, *scans, runner=None, agrees=True):
        self.runner = runner or Runner()
        self.scans = list(scans)
        self.asked, self.waited = [], []
        self.rounds = Rounds(
            loop=loop(tmp_path, self.runner),
            scan=self.scan,
            plan=self.plan,
            agree=lambda _plan: agrees,
            pause=self.waited.append,
            patience=660.0,
        )

    def scan(self, checks):
        self.asked.append(tuple(checks))
        return self.scans.pop(0)

    @staticmethod
    def plan(found):
        return Plan(steps=tuple(step(r.playbook) for r in found.results if r.status is Status.FAILED))

    def repair(self, start):
        return self.rounds.repair(start, self.plan(start))


def test_what_an_open_relay_hid_is_repaired_in_a_second_round(tmp_path):
    relay, role = "relay-closed", "abuse-accepted"
    world = World(
        tmp_path,
        scanned(seen(relay, Status.PASSED), seen(role, Status.FAILED)),
        scanned(seen(relay, Status.PASSED), seen(role, Status.PASSED)),
    )

    before, after = world.repair(scanned(seen(relay, Status.FAILED), seen(role, Status.UNKNOWN)))

    assert world.runner.calls == [(relay, False), (role, False)]
    assert before.results == (seen(relay, Status.FAILED), seen(role, Status.FAILED)), (
        "told as closed, not as new"
    )
    assert {result.status for result in after.results} == {Status.PASSED}


def test_what_its_own_playbook_did_not_close_is_not_tried_again(tmp_path):
    open_still = scanned(seen("relay-closed", Status.FAILED))
    world = World(tmp_path, open_still)

    assert world.repair(open_still) == (open_still, open_still)
    assert len(world.runner.calls) == 1


def test_a_host_that_uncovers_something_at_every_round_is_left_to_a_person(tmp_path):
    names = [f"check-{number}" for number in range(ROUNDS + 2)]

    def after(repaired):
        return scanned(
            *(
                seen(
                    name,
                    Status.PASSED
                    if number < repaired
                    else Status.FAILED
                    if number == repaired
                    else Status.UNKNOWN,
                )
                for number, name in enumerate(names)
            )
        )

    world = World(tmp_path, *(after(number + 1) for number in range(ROUNDS)))
    world.repair(after(0))

    assert [playbook for playbook, _ in world.runner.calls] == names[:ROUNDS]


def test_a_repair_that_was_cut_off_goes_into_no_further_round(tmp_path):
    world = World(
        tmp_path,
        scanned(seen("a", Status.FAILED), seen("b", Status.FAILED)),
        runner=Runner(bad="a", finished=False),
    )
    world.repair(scanned(seen("a", Status.FAILED), seen("b", Status.UNKNOWN)))

    assert world.runner.calls == [("a", False)]


def test_what_the_server_put_off_is_asked_once_more_when_its_window_is_over(tmp_path):
    busy = Reason.RATE_LIMITED.value
    world = World(
        tmp_path,
        scanned(seen("a", Status.UNKNOWN, busy), seen("b", Status.PASSED)),
        scanned(seen("a", Status.PASSED)),
    )
    _, after = world.repair(scanned(seen("a", Status.FAILED), seen("b", Status.PASSED)))

    assert world.waited == [660.0]
    assert world.asked == [("a", "b"), ("a",)]
    assert after.results == (seen("a", Status.PASSED), seen("b", Status.PASSED))


def test_a_server_that_still_takes_nobody_after_that_leaves_it_unknown(tmp_path):
    late = scanned(seen("a", Status.UNKNOWN, Reason.RATE_LIMITED.value))
    world = World(tmp_path, late, late)
    _, after = world.repair(scanned(seen("a", Status.FAILED)))

    assert world.waited == [660.0]
    assert after.results == late.results


def test_a_no_before_the_first_round_changes_nothing(tmp_path):
    world = World(tmp_path, agrees=False)

    assert world.repair(scanned(seen("a", Status.FAILED))) is None
    assert world.runner.calls == world.asked == []
