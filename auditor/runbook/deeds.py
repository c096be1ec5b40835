"""What each kind of step does. Each deed returns ok, failed or unknown; verification comes after it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Final

from auditor.runbook import collecting, messages, playbook_step, shell, waiting
from auditor.runbook.book import key
from auditor.runbook.clock import elapsed
from auditor.runbook.desk import Desk, NotPossible, captured
from auditor.runbook.display import escaped
from auditor.runbook.format import Danger, Kind, Step, Use
from auditor.runbook.operator import NoAnswer
from auditor.runbook.state import Progress
from auditor.runbook.values import seconds
from auditor.runbook.world import Outcome
from auditor.transport.remote import TIMED_OUT

if TYPE_CHECKING:
    from auditor.runbook.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a deed gets beside its step: the approved list, the file for its output, and who runs it."""

    stdin: bytes
    out: str
    engine: "Engine"


Deed = Callable[[Desk, Step, Given], Outcome | None]


def ask_before(desk: Desk, step: Step) -> None:
    """Fields of `ask` that the step's own commands use; the others are asked once it has shown something."""
    used = _used(step)
    for name in step.questions():
        if name in used:
            _ask(desk, step, name)


def _used(step: Step) -> frozenset[str]:
    texts = [block.text for block in step.shells if block.use in {Use.DO, Use.PREVIEW}]
    texts += [str(value) for value in step.words.args.values()]
    return frozenset(name for text in texts for name in shell.names(text))


def _ask(desk: Desk, step: Step, name: str) -> None:
    variable = step.questions()[name]
    earlier = desk.state.values.get(name)
    answer = desk.ask.typed(f"{step.id}.{name}", variable.help or name.replace("_", " "), variable, earlier)
    if answer != earlier:
        desk.incident.record("values", desk.place(step), {"values": {name: answer}})


def _ask_after(desk: Desk, step: Step) -> None:
    used = _used(step)
    for name in step.questions():
        if name not in used:
            _ask(desk, step, name)
    if step.words.witness:
        witness = desk.ask.text(f"{step.id}.witness", "Who witnessed it")
        desk.incident.record("note", desk.place(step), {"kind": "witness", "text": witness})


def _manual(desk: Desk, step: Step, _given: Given) -> Outcome:
    for box in step.boxes:
        desk.say(f"  [ ] {escaped(' '.join(box.split()))}")
    if not desk.ask.yes(f"{step.id}.done", "Is all of this done?"):
        return Outcome.failed("the operator says that it could not be done")
    _ask_after(desk, step)
    return Outcome.ok()


def _command(desk: Desk, step: Step, given: Given) -> Outcome:
    block = desk.block(step, Use.DO)
    if block is None:
        return Outcome.failed(
            f"no commands for this platform ({desk.state.values.get('mta', 'unknown mail program')})"
        )
    ran, files, output = desk.run(desk.program(step, block, given.stdin), given.out)
    first = desk.block(step, Use.CAPTURE) is not None
    values, complaint = ({}, "") if first else captured(step, output)
    desk.incident.record("step.acted", desk.place(step), {"exit": ran.exit, "captured": values}, files)
    if step.words.danger is Danger.DESTRUCTIVE:
        _note_removed(desk, step, ran.exit)
    if ran.exit == TIMED_OUT:
        return Outcome.unknown("its time was over before it ended")
    if ran.exit != 0:
        return Outcome.failed(f"exit {ran.exit}")
    if complaint:
        return Outcome.failed(complaint)
    _ask_after(desk, step)
    return Outcome.ok()


def capture_first(desk: Desk, step: Step) -> None:
    """Run the `capture=` block and journal what it says, before anything is changed; raises NotPossible.

    What a reversible step found first is what its way back needs, so a second attempt does not look again.
    """
    block = desk.block(step, Use.CAPTURE)
    known = desk.state.step(key(step))
    again = known is not None and not known.undone and set(step.words.capture) <= set(desk.state.values)
    if block is None or again:
        return
    ran = desk.world.remote.run(desk.program(step, block))
    values, complaint = captured(step, ran.stdout.decode("utf-8", "backslashreplace"))
    if ran.exit != 0 or complaint:
        raise NotPossible(
            f"what {step.id} would change could not be read (exit {ran.exit}) {complaint}".rstrip()
        )
    desk.incident.record("values", desk.place(step), {"values": values})


def _note_removed(desk: Desk, step: Step, code: int) -> None:
    preview = desk.state.previews.get(key(step))
    if preview is not None:
        kept = desk.incident.store(
            desk.incident.next_name(step.id, ".acted-on"), (desk.incident.folder / preview.file).read_bytes()
        )
        desk.incident.record("removed", desk.place(step), {"count": preview.count, "exit": code}, (kept,))


def _ansible(desk: Desk, step: Step, given: Given) -> Outcome:
    outcome = playbook_step.carry_out(desk, step, given.out)
    if outcome.result is Progress.OK:
        _ask_after(desk, step)
    return outcome


def _probe(desk: Desk, step: Step, _given: Given) -> Outcome:
    _ask_after(desk, step)
    return Outcome.ok()


def _evidence(desk: Desk, step: Step, _given: Given) -> Outcome:
    return collecting.collect(desk, step)


def _decision(desk: Desk, step: Step, given: Given) -> Outcome:
    words = step.words
    options = {name: option.help for name, option in words.options.items()}
    known = desk.state.step(key(step))
    try:
        chosen = desk.ask.one_of(f"{step.id}.choose", words.question or step.title, options)
        reason = desk.ask.text(f"{step.id}.reason", "Why")
    except NoAnswer:
        limit = words.default_after
        began = known.started if known is not None else None
        if limit is None or began is None or elapsed(began, desk.world.clock.now()) < seconds(limit.time):
            raise
        chosen, reason = limit.option, f"nobody decided within {limit.time}"
    desk.incident.record("decision", desk.place(step), {"option": chosen, "reason": reason})
    given.engine.choose(step, words.options[chosen])
    return Outcome.ok(f"{chosen}: {reason}")


def _approve(_desk: Desk, _step: Step, _given: Given) -> Outcome:
    return Outcome.ok()  # consent.prepare asked, or the step did not get here


def _comms(desk: Desk, step: Step, _given: Given) -> Outcome:
    return messages.send(desk, step)


def _wait(desk: Desk, step: Step, _given: Given) -> Outcome | None:
    return waiting.wait(desk, step)


def _undo_of(desk: Desk, step: Step, given: Given) -> Outcome:
    target = desk.book.near(step, step.words.of or "")
    known = desk.state.step(key(target))
    if known is not None and known.undone:  # before a crash that this step did not survive
        return Outcome.ok("taken back before")
    return given.engine.undo(target)


def undo(desk: Desk, step: Step) -> Outcome:
    """The way back of a step, whatever kind it is."""
    out = desk.incident.next_name(step.id, ".undo.out")
    words = step.words.undo
    if words is not None and words.play is not None:
        return playbook_step.take_back(desk, step, words.play, words.args, out)
    if words is not None and words.manual is not None:
        desk.say(f"  {escaped(words.manual)}")
        done = desk.ask.yes(f"{step.id}.undone", "Is it taken back?")
        return Outcome.ok() if done else Outcome.failed("the operator says that it could not be taken back")
    block = desk.block(step, Use.UNDO)
    if block is None:
        return Outcome.failed("no way back for this platform")
    ran, _files, _output = desk.run(desk.program(step, block), out)
    return Outcome.ok() if ran.exit == 0 else Outcome.failed(f"exit {ran.exit}")


def show_program(desk: Desk, step: Step) -> None:
    """What would run, with its values quoted as one would type them; nothing runs."""
    for use in (Use.CAPTURE, Use.PREVIEW, Use.DO, Use.VERIFY):
        block = desk.block(step, use)
        if block is not None:
            desk.say(f"  # {use.value}")
            for line in typed(desk, step, block.text).splitlines():
                desk.say(f"    {escaped(line)}")
    if step.words.play is not None:
        desk.say(
            f"    ansible-playbook playbooks/{step.words.play.removesuffix('.yml')}.yml -l {escaped(desk.state.host)} --diff"
        )
    for box in step.boxes:
        desk.say(f"  [ ] {escaped(' '.join(box.split()))}")


def typed(desk: Desk, step: Step, text: str) -> str:
    """The text of a block as a person would type it: values quoted, unknown ones as <name>."""

    def word(name: str) -> str:
        try:
            return quote(desk.value(name, step))
        except (NotPossible, NoAnswer):
            return f"<{name}>"

    return shell.PLACEHOLDER.sub(lambda found: word(found[1]), text)


DEEDS: Final[Mapping[Kind, Deed]] = {
    Kind.MANUAL: _manual,
    Kind.COMMAND: _command,
    Kind.ANSIBLE: _ansible,
    Kind.PROBE: _probe,
    Kind.EVIDENCE: _evidence,
    Kind.DECISION: _decision,
    Kind.APPROVE: _approve,
    Kind.COMMS: _comms,
    Kind.WAIT: _wait,
    Kind.UNDO: _undo_of,
}
