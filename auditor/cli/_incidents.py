"""What each `auditor incident` command does, between the options and the engine."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from auditor.cli import _following, _opening, _output
from auditor.cli._exits import Exit
from auditor.cli._following import Asked, engine, refusing, root
from auditor.cli._operator import say
from auditor.cli._status import lines, told
from auditor.runbook import consent, facts, incident, proof, signing
from auditor.runbook.beside import Beside
from auditor.runbook.book import collect, followed, key
from auditor.runbook.clock import SystemClock
from auditor.runbook.desk import NotPossible
from auditor.runbook.display import escaped
from auditor.runbook.engine import Engine
from auditor.runbook.format import Step, Variable
from auditor.runbook.library import NoSuchRunbook
from auditor.runbook.operator import fitting
from auditor.runbook.parse import Malformed
from auditor.runbook.state import Progress
from auditor.runbook.timers import timers
from auditor.runbook.values import check

Given = Mapping[str, Any]
Command = Callable[[Given], int]


def call(name: str, given: Given) -> int:
    """Run one command; refusals become a sentence and an exit code."""
    with refusing():
        return _COMMANDS[name](given)


def _asked(given: Given) -> Asked:
    return Asked(
        incident=given.get("incident"), answers=given.get("answers"), actor=given.get("actor"), role=given.get("role", ""),
        dry_run=bool(given.get("dry_run")),
    )  # fmt: skip


def _open(given: Given) -> int:
    folder = _opening.open_incident(given, _asked(given).author())
    print(folder.name)
    return Exit.CLEAN


def _list(_given: Given) -> int:
    found, ended = [], Exit.CLEAN
    for folder in incident.all_of(root()):
        try:
            found.append((folder, incident.look(folder)))
        except (ValueError, OSError) as error:
            say(f"auditor: {escaped(str(error))}", sys.stderr)
            ended = Exit.INCOMPLETE
    for folder, state in sorted(found, key=lambda pair: pair[1].closed is not None):
        how = "closed" if state.closed is not None else "open"
        print(
            f"{folder.name}  {how:6}  {escaped(', '.join(state.hosts) or state.host)}  {escaped(state.title)}"
        )
    return ended


_ENDS: Final = {Progress.OK: Exit.CLEAN, Progress.FAILED: Exit.FINDINGS}


def _do(running: Engine, step: Step) -> int:
    return _ENDS.get(running.run(step).result, Exit.INCOMPLETE)


def _next(given: Given) -> int:
    with engine(_asked(given)) as running:
        _note_timers(running)
        step = running.next_step()
        if step is None:
            say("Nothing is left to do: `auditor incident close` ends it.", sys.stderr)
            return Exit.CLEAN
        ended = _do(running, step)
        _say_what_comes(running, step)
        return ended


def _say_what_comes(running: Engine, done: Step) -> None:
    """Whoever did one step learns of the next, or how to get past this one."""
    coming = running.next_step()
    if coming is None:
        say("Nothing is left to do: `auditor incident close` ends it.", sys.stderr)
    elif key(coming) != key(done):
        say(f"Next: {escaped(coming.title)} - auditor incident next", sys.stderr)
    elif not (done.words.duration or done.words.recheck):
        say("Once more:   auditor incident next", sys.stderr)
        say(f"Without it:  auditor incident skip {done.id} --reason '…'", sys.stderr)


def _run(given: Given) -> int:
    if sum((given["phase"] is not None, given["step"] is not None, given["everything"])) != 1:
        raise ValueError("give one of --phase, --step and --all")
    with engine(_asked(given)) as running:
        _note_timers(running)
        book = running.desk.book
        if given["step"] is not None:
            return _do(running, book.find(given["step"]))
        phases = [phase.title.casefold() for phase in book.phases]
        if given["phase"] is not None and given["phase"].casefold() not in phases:
            raise LookupError(
                f"there is no phase {given['phase']!r}; there are {', '.join(p.title for p in book.phases)}"
            )
        if given["dry_run"]:
            return _dry(running, given["phase"])
        while (step := running.next_step(given["phase"])) is not None:
            ended = _do(running, step)
            coming = running.next_step(given["phase"])
            if ended != Exit.CLEAN and (coming is None or key(coming) == key(step)):
                return ended
        return Exit.CLEAN


def _dry(running: Engine, phase: str | None) -> int:
    for step in running.desk.book.steps:
        if phase is None or step.phase.casefold() == phase.casefold():
            running.preview(step)
    return Exit.CLEAN


def _resume(given: Given) -> int:
    with engine(_asked(given)) as running:
        for step in running.desk.book.steps:
            known = running.desk.state.step(key(step))
            if (
                known is not None
                and known.progress is Progress.STARTED
                and not (step.words.duration or step.words.recheck)
            ):
                return _do(running, step)
        coming = running.next_step()
        say(f"Nothing was interrupted. Next: {coming.id if coming is not None else 'close'}", sys.stderr)
        return Exit.CLEAN


def _note_timers(running: Engine) -> None:
    """Say what is overdue, and journal it once."""
    desk = running.desk
    for timer in timers(desk.book, desk.state, desk.world.clock.now()):
        if timer.left < 0 and timer.name not in desk.state.fired:
            say(f"OVERDUE: {escaped(timer.what)}", sys.stderr)
            if not desk.dry:
                desk.incident.record("timer.fired", data={"timer": timer.name, "what": timer.what})


def _status(given: Given) -> int:
    folder = incident.find(root(), given["incident"], reading=True)
    state = _following.opened(folder, incident.look(folder))
    book = collect([pin.name for pin in state.runbooks], _following.runbook_folder(), state.hosts)
    report = told(folder, state, book, SystemClock().now())
    if given["as_json"]:
        print(json.dumps(report, indent=1, sort_keys=True))
    else:
        for line in lines(report):
            say(line, sys.stdout)
    return Exit.CLEAN


def _note(given: Given) -> int:
    with engine(_asked(given), beside=True) as running:
        said: dict[str, Any] = {"kind": given["kind"], "text": check("text", given["text"])}
        if (about := given["about"]) is not None:
            if not 1 <= about <= running.desk.state.seq:
                raise ValueError(f"--about {about}: the journal has entries 1 to {running.desk.state.seq}")
            said["about"] = about
        running.desk.incident.record("note", data=said)
    return Exit.CLEAN


def _answer(given: Given) -> int:
    with engine(_asked(given)) as running:
        desk, name = running.desk, given["name"]
        asked = {
            "began": Variable(type="time"),
            **desk.book.variables(),
            **{n: v for step in desk.book.steps for n, v in step.questions().items()},
        }
        value = fitting(asked[name], given["value"]) if name in asked else facts.typed(name, given["value"])
        desk.incident.record("values", data={"values": {name: value}})
    return Exit.CLEAN


def _skip(given: Given) -> int:
    with engine(_asked(given)) as running:
        running.skip(running.desk.book.find(given["step"]), check("line", given["reason"]))
    return Exit.CLEAN


def _undo(given: Given) -> int:
    with engine(_asked(given)) as running:
        return _ENDS.get(running.undo(running.desk.book.find(given["step"])).result, Exit.INCOMPLETE)


def _approve(given: Given) -> int:
    with engine(_asked(given), beside=True) as running:
        step = running.desk.book.find(given["step"])
        if step.words.approve is None:
            raise NotPossible(f"step {step.id} needs no approval")
        preview = running.desk.state.previews.get(key(step))
        if step.words.approve.if_refused and preview is None:
            raise NotPossible(f"step {step.id} was not refused, so there is nothing to agree to")
        if step.words.preview is not None and preview is None:
            raise NotPossible(
                f"step {step.id} has shown no list yet: `auditor incident run --step {step.id}` does"
            )
        agree = consent.approve_beside if isinstance(running.desk.incident, Beside) else consent.approve
        with running.desk.incident.acting(step.words.approve.role):
            agree(running.desk, step, preview)
    return Exit.CLEAN


def _accept(given: Given) -> int:
    with engine(_asked(given)) as running:
        changed = running.accept()
    say(f"accepted: {', '.join(changed)}" if changed else "no runbook has changed", sys.stderr)
    return Exit.CLEAN


def _handover(given: Given) -> int:
    with engine(_asked(given)) as running:
        desk = running.desk
        report = told(desk.incident.folder, desk.state, desk.book, desk.world.clock.now())
        text = "\n".join(lines(report))
        kept = desk.incident.store(desk.incident.next_name("COM-12", ".txt"), text.encode())
        desk.incident.record("handover", data={"to": check("line", given["to"])}, files=(kept,))
        print(text)
    return Exit.CLEAN


def _export(given: Given) -> int:
    from auditor.runbook import export

    folder = incident.find(root(), given["incident"], reading=True)
    state = incident.look(folder)
    try:
        book = followed(folder, state)
    except (NoSuchRunbook, Malformed):
        # An incident of an older version, or a copy that is gone, which verify tells.
        book = collect([pin.name for pin in state.runbooks], _following.runbook_folder(), state.hosts)
    text = export.render(
        folder, book, given["form"], retrospective=given["retrospective"], clear=given["clear"]
    )
    if given["output"] is None:
        print(text, end="")
    else:
        _output.write_whole(given["output"], text)
    return Exit.CLEAN


def _verify(given: Given) -> int:
    named = Path(given["incident"] or "")
    folder = (
        named
        if given["incident"] and (named / "journal.jsonl").is_file()
        else incident.find(root(), given["incident"], reading=True)
    )
    anchors = [proof.anchor(text) for text in given["anchors"]]
    found = proof.flaws(folder, [*anchors, *proof.anchors_beside(folder)])
    for one in signing.vouched(folder, given["signers"]):
        if isinstance(one, proof.Flaw):
            found.append(one)
        else:
            print(escaped(one.sentence()))
    for flaw in found:
        print(escaped(flaw.text))
    if not found:
        print(f"{folder.name}: every line and every file is as it was written")
    return Exit.FINDINGS if found else Exit.CLEAN


def _sign(given: Given) -> int:
    with engine(_asked(given)) as running:
        print(signing.sign(running.desk.incident, given["key"]), end="")
    return Exit.CLEAN


def _close(given: Given) -> int:
    with engine(_asked(given)) as running:
        running.close()
        say(f"Closed. Write this on paper: {running.desk.incident.head()}", sys.stderr)
    return Exit.CLEAN


def _reopen(given: Given) -> int:
    with engine(_asked(given)) as running:
        running.desk.incident.record("reopen", data={"reason": check("line", given["reason"])})
    return Exit.CLEAN


_COMMANDS: Final[Mapping[str, Command]] = {
    "open": _open, "list": _list, "next": _next, "run": _run, "resume": _resume, "status": _status, "note": _note,
    "answer": _answer, "skip": _skip, "undo": _undo, "approve": _approve, "accept": _accept, "handover": _handover,
    "export": _export, "verify": _verify, "sign": _sign, "close": _close, "reopen": _reopen,
}  # fmt: skip
