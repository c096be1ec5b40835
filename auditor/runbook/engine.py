"""One step after the other: what may begin, what was begun, and what a crash left behind.

The order never changes: `step.start` is on the disk, then the step acts, then `step.acted`, then verification, then
`step.end`. A start without an end is unknown, and no destructive act is repeated on the strength of not knowing.
"""

from typing import Any

from auditor.runbook import consent, deeds, leading, playbook_step, verifying
from auditor.runbook.book import applies, following, key, missing, open_ends, unchanged
from auditor.runbook.desk import Desk, NotPossible, Refused, heading
from auditor.runbook.display import escaped
from auditor.runbook.format import Danger, Kind, Option, Step
from auditor.runbook.state import Progress, StepState
from auditor.runbook.values import seconds
from auditor.runbook.world import Outcome, measured
from auditor.transport.remote import CannotReach, Program

_MAY_BE_IN_PLACE = frozenset({Kind.COMMAND, Kind.ANSIBLE, Kind.MANUAL})
_NEED_THE_QUEUE = frozenset({"queue.reduced-by-selection", "queue.not-growing"})


class Engine:
    """Follows the runbooks of one incident for one operator."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def next_step(self, phase: str | None = None) -> Step | None:
        """The step to do now, or None when nothing is left; of one phase only, if its title is given."""
        return following(self.desk.book, self.desk.state, phase.casefold() if phase else None)

    def run(self, step: Step) -> Outcome:
        """Do one step, or go on with it where a crash stopped it. Raises NotPossible, NoAnswer, Edited, Unwritable."""
        with self.desk.incident.acting(step.words.role):
            return self._run(step)

    def _run(self, step: Step) -> Outcome:
        desk = self.desk.at(step)
        self._may_begin(step)
        if desk.dry:
            self.preview(step)
            return Outcome.ok("dry run")
        self._show(step)
        known = desk.state.step(key(step))
        if known is not None and known.progress in {Progress.STARTED, Progress.UNKNOWN}:
            outcome = self._resume(step, known)
            if outcome is not None:
                return outcome
        return self._do(step)

    def preview(self, step: Step) -> None:
        """Show a step and what it would run; nothing runs and nothing is written."""
        self._show(step)
        deeds.show_program(self.desk.at(step), step)

    def _may_begin(self, step: Step) -> None:
        desk = self.desk
        unchanged(desk.book, desk.state)
        if desk.state.closed is not None:
            raise NotPossible("this incident is closed; `auditor incident reopen` opens it again")
        if desk.state.failed_undo:
            raise NotPossible(
                f"the way back of {desk.state.failed_undo} did not work: call the incident commander, then "
                f"`auditor incident undo {desk.state.failed_undo}` again"
            )
        unmet = missing(step, desk.book, desk.state)
        if unmet:
            raise NotPossible(f"step {step.name} is locked until these are done: {', '.join(unmet)}")
        if not desk.dry:
            self._look_after_measures(step)
        if applies(step, desk.state) is None and not desk.dry:
            question = f"Cannot tell whether this step applies ({step.words.when}). Does it?"
            if not desk.ask.yes(f"{step.id}.applies", question):
                self.skip(step, f"does not apply: {step.words.when}")
                raise NotPossible(f"step {step.id} was skipped")

    def _look_after_measures(self, coming: Step) -> None:
        """A restarted firewall service undoes an isolation without a word, so look before each step."""
        desk = self.desk
        for name in desk.state.temporaries:
            step = desk.book.find(name)
            known = desk.state.step(name)
            if (
                name == key(coming)
                or (coming.words.of, coming.host) == (step.id, step.host)
                or known is None
                or known.progress is not Progress.OK
            ):
                continue
            seen = verifying.holds_still(desk.at(step), step)
            if seen.result is Progress.OK:
                continue
            desk.incident.record(
                "temp.lost", desk.place(step), {"result": seen.result.value, "detail": seen.detail}
            )
            desk.say(f"  ! {step.name} no longer holds: {escaped(seen.detail)}")
            options = {"again": "do that step again first", "on": "go on, with a reason"}
            if desk.ask.one_of(f"{step.id}.lost", "What now?", options) == "again":
                self._do(step)
                continue
            reason = desk.ask.text(f"{step.id}.lost-reason", "Why is it right to go on without it?")
            desk.incident.record("note", desk.place(step), {"kind": "decision", "text": reason})

    def _show(self, step: Step) -> None:
        self.desk.say("")
        self.desk.say(heading(step))
        for paragraph in step.prose.split("\n\n"):
            if paragraph.strip():
                self.desk.say(f"  {escaped(' '.join(paragraph.split()))}")
        for warning in step.warnings:
            self.desk.say(f"  WARNING: {escaped(' '.join(warning.split()))}")

    def _resume(self, step: Step, known: StepState) -> Outcome | None:
        """What a start without an end means; None when the step is to be done (again)."""
        desk, words = self.desk.at(step), step.words
        if (said := self._said_before(step, known)) is not None:
            return self._end(step, said, {"recovered": True})
        if words.kind not in {Kind.COMMAND, Kind.ANSIBLE}:
            return None  # asked, collected, computed or taken back again; what was answered before is still there
        desk.say("  This step was begun before, and its end is not known. Looking first.")
        before = measured(known.data)
        seen = (
            verifying.verify(desk, step, before) if words.verify else Outcome.unknown("nothing to verify by")
        )
        if seen.result is Progress.OK:
            return self._end(step, seen, {"recovered": True})
        if known.acted and known.data.get("exit") == 0 and words.danger is Danger.DESTRUCTIVE:
            return self._end(step, seen)
        if words.idempotent or words.kind is not Kind.COMMAND:
            return None
        return self._ask_whether_done(step, seen)

    def _said_before(self, step: Step, known: StepState) -> Outcome | None:
        """What a person said before the interruption is not asked again; a decision may have been cut off before it led on."""
        chosen = known.data.get("chosen")
        if chosen in step.words.options:
            self.choose(step, step.words.options[str(chosen)])
            return Outcome.ok(f"{chosen}: decided before")
        return Outcome.ok("sent before") if known.data.get("sent") else None

    def _ask_whether_done(self, step: Step, seen: Outcome) -> Outcome | None:
        options = {
            "done": "it was done; only the verification counts",
            "not-done": "it was certainly not done; do it now",
            "unknown": "leave it as unknown",
        }
        said = self.desk.ask.one_of(f"{step.id}.resume", "Was it done before the interruption?", options)
        if said == "not-done":
            return None
        unknown = Outcome.unknown("the operator does not know whether it was done")
        return self._end(step, seen if said == "done" else unknown)

    def _do(self, step: Step) -> Outcome:
        desk = self.desk.at(step)
        deeds.ask_before(desk, step)
        if (
            step.words.kind is Kind.ANSIBLE
            and not step.words.urgent
            and (rehearsed := playbook_step.rehearse(desk, step)).result is not Progress.OK
        ):
            desk.incident.record("step.start", desk.place(step))
            return self._end(step, rehearsed)
        stdin = consent.prepare(desk, step)
        deeds.capture_first(desk, step)
        before = (
            desk.world.queue(desk.state) if {v.probe for v in step.words.verify} & _NEED_THE_QUEUE else None
        )
        start: dict[str, Any] = {"out": desk.incident.next_name(step.id, ".out")}
        if before is not None:
            start["before"] = {"total": before.total, "held": before.held}
        known = desk.state.step(key(step))
        running = known is not None and known.progress is Progress.STARTED
        if not (
            running and step.words.kind in {Kind.WAIT, Kind.DECISION}
        ):  # their time counts from the first start
            desk.incident.record("step.start", desk.place(step), start)
        in_place = key(step) in desk.state.temporaries
        if step.words.temporary is not None and step.words.kind in _MAY_BE_IN_PLACE:
            # Before the act: once it began it may be in place, whatever becomes of it.
            lasts = seconds(step.words.temporary)
            desk.incident.record("temp.add", desk.place(step), {"lasts": lasts, "what": step.title})
        try:
            done = self._acted(step, deeds.Given(stdin=stdin, out=str(start["out"]), engine=self))
        except NotPossible as why:
            # Nothing was done, so nothing is in place, and nobody has to ask later whether it is.
            if step.words.temporary is not None and not in_place:
                desk.incident.record("temp.remove", desk.place(step))
            refusal = self._end(step, Outcome.failed(str(why)), {"refused": True})
            if isinstance(why, Refused):
                return refusal
            raise
        if done is None:
            return Outcome.unknown("waiting")
        if done.result is Progress.OK and step.words.verify and step.words.kind is not Kind.WAIT:
            done = verifying.verify(desk, step, before)
        return self._end(step, done)

    def _acted(self, step: Step, given: deeds.Given) -> Outcome | None:
        try:
            return deeds.DEEDS[step.words.kind](self.desk.at(step), step, given)
        except CannotReach as error:
            return Outcome.unknown(f"the connection broke, and what was done is not known: {error}")

    def _end(self, step: Step, outcome: Outcome, more: dict[str, Any] | None = None) -> Outcome:
        desk, on_fail = self.desk, step.words.on_fail or "stop"
        ending: dict[str, Any] = {"result": outcome.result.value, "reason": outcome.detail, **(more or {})}
        if outcome.result is not Progress.OK and on_fail.startswith("goto:") and "refused" not in ending:
            ending["handled"] = on_fail.removeprefix("goto:")
        desk.incident.record("step.end", desk.place(step), ending)
        desk.say(
            f"  {step.name}: {outcome.result.value}"
            + (f" - {escaped(outcome.detail)}" if outcome.detail else "")
        )
        if "handled" in ending:
            leading.jump(self.desk, step, str(ending["handled"]))
        self._phase_ended(step)
        return outcome

    def _phase_ended(self, step: Step) -> None:
        coming = self.next_step()
        if coming is None or coming.phase != step.phase:
            self._compare_clocks()
            self.desk.say(f"  Write this on paper: {self.desk.state.incident} {self.desk.incident.head()}")
            self.desk.incident.drop_anchor()

    def _compare_clocks(self) -> None:
        """Note how far each host's clock is from ours: its log lines are read by it later."""
        desk = self.desk
        for host, world in (desk.worlds or {desk.state.host: desk.world}).items():
            try:
                ran = world.remote.run(Program(text="date -u +%s", timeout=10), limit=100)
            except CannotReach:
                continue
            if ran.exit == 0 and ran.stdout.strip().isdigit():
                offset = int(ran.stdout) - round(world.clock.now().wall().timestamp())
                desk.incident.record("clock", data={"host_ahead_by": offset, "host": host})

    def choose(self, step: Step, option: Option) -> None:
        """Follow the option of a decision."""
        leading.choose(self.desk, step, option)

    def skip(self, step: Step, reason: str) -> None:
        """Leave a step out, for a reason that stays in the journal."""
        with self.desk.incident.acting(step.words.role):
            self.desk.incident.record("skip", self.desk.place(step), {"reason": reason})

    def undo(self, step: Step) -> Outcome:
        """Take a step back. A way back that does not work stops everything."""
        with self.desk.incident.acting(step.words.role):
            return self._undo(step)

    def _undo(self, step: Step) -> Outcome:
        desk = self.desk.at(step)
        if step.words.danger is not Danger.REVERSIBLE:
            raise NotPossible(f"step {step.name} has no way back")
        desk.incident.record(
            "undo.start", desk.place(step), {"out": desk.incident.next_name(step.id, ".undo.out")}
        )
        try:
            outcome = deeds.undo(desk, step)
        except CannotReach as error:
            outcome = Outcome.unknown(str(error))
        desk.incident.record(
            "undo.end", desk.place(step), {"result": outcome.result.value, "reason": outcome.detail}
        )
        if outcome.result is not Progress.OK:
            desk.say(
                f"  ! The way back of {step.name} did not work. CALL THE INCIDENT COMMANDER. {escaped(outcome.detail)}"
            )
        return outcome

    def accept(self) -> list[str]:
        """Follow the runbooks as they are now; returns the names of those that had changed."""
        desk = self.desk
        pinned = {pin.name: pin.sha256 for pin in desk.state.runbooks}
        changed = [
            book for book in desk.book.runbooks.values() if pinned.get(book.id) not in {None, book.sha256}
        ]
        for runbook in changed:
            leading.pin(desk, "accept", runbook)
        return [runbook.id for runbook in changed]

    def close(self) -> None:
        """End the incident; raises NotPossible with every reason why not."""
        unchanged(self.desk.book, self.desk.state)
        reasons = open_ends(self.desk.book, self.desk.state)
        if reasons:
            raise NotPossible("cannot be closed yet: " + "; ".join(reasons))
        self.desk.incident.record("close")
