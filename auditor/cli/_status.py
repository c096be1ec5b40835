"""`auditor incident status`: one page that says where it stands, and the same for programs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditor.runbook.book import Book, following, key
from auditor.runbook.clock import Instant, elapsed
from auditor.runbook.desk import heading
from auditor.runbook.display import escaped
from auditor.runbook.journal import NAME, digest
from auditor.runbook.proof import anchors_beside, flaws
from auditor.runbook.state import Progress, State
from auditor.runbook.timers import timers
from auditor.runbook.waiting import spoken


def told(folder: Path, state: State, book: Book, now: Instant) -> dict[str, Any]:
    """The report as plain data. Schema auditor.incident/1."""
    step = following(book, state) if state.closed is None else None
    last = (folder / NAME).read_bytes().split(b"\n")[-2]
    interrupted = [
        key(one) for one in book.steps
        if (known := state.step(key(one))) and known.progress is Progress.STARTED and not (one.words.duration or one.words.recheck)
    ]  # fmt: skip
    return {
        "schema": "auditor.incident/1",
        "incident": state.incident,
        "title": state.title,
        "host": state.host,
        "hosts": list(state.hosts or (state.host,)),
        "opened": state.opened.utc if state.opened else None,
        "age": elapsed(state.opened, now) if state.opened else None,
        "closed": state.closed.utc if state.closed else None,
        "operator": state.operator,
        "roles": dict(state.people),
        "runbooks": [f"{pin.name}@{pin.version}" for pin in state.runbooks],
        "next": {"step": key(step), "phase": step.phase, "told": heading(step)} if step else None,
        "interrupted": interrupted,
        "failed_undo": state.failed_undo or None,
        "steps": {name: known.progress.value for name, known in state.steps.items()},
        "temporary": [
            {"step": name, "what": measure.what, "left": measure.lasts - elapsed(measure.since, now)}
            for name, measure in state.temporaries.items()
        ],
        "timers": [
            {"name": one.name, "what": one.what, "left": one.left} for one in timers(book, state, now)
        ],
        "notes": [{"seq": note.seq, "kind": note.kind, "text": note.text} for note in state.notes],
        "head": f"{state.seq}:{digest(last)[:16]}",
        "flaws": [flaw.text for flaw in flaws(folder, anchors_beside(folder))],
    }


def lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for a person, 80 columns wide; every foreign word escaped."""
    done = sum(progress in {"ok", "skipped", "passed-over"} for progress in report["steps"].values())
    yield escaped(f"{report['incident']}  {report['title']}")
    yield escaped(
        f"host {', '.join(report['hosts'])}, operator {report['operator']}, opened {report['opened']} ({spoken(report['age'] or 0)} ago)"
    )
    yield escaped(
        "roles: " + ", ".join(f"{role.upper()} {who}" for role, who in sorted(report["roles"].items()))
    )
    yield f"CLOSED {report['closed']}" if report["closed"] else f"open, {done} steps behind us"
    for flaw in report["flaws"]:
        yield escaped(f"! JOURNAL: {flaw}")
    if report["failed_undo"]:
        yield escaped(f"! The way back of {report['failed_undo']} did not work. Call the incident commander.")
    for name in report["interrupted"]:
        yield escaped(f"! {name} was begun and has no end: auditor incident resume")
    if report["next"]:
        yield escaped(f"next: {report['next']['phase']} / {report['next']['told']}")
    for measure in report["temporary"]:
        when = (
            f"expires in {spoken(measure['left'])}"
            if measure["left"] >= 0
            else f"EXPIRED {spoken(-measure['left'])} ago"
        )
        yield escaped(f"temporary: {measure['step']} - {measure['what']}, {when}")
    for timer in report["timers"]:
        if not timer["name"].startswith("temporary:"):
            when = (
                f"in {spoken(timer['left'])}"
                if timer["left"] >= 0
                else f"OVERDUE by {spoken(-timer['left'])}"
            )
            yield escaped(f"timer: {timer['what']}, {when}")
    for note in report["notes"][-5:]:
        yield escaped(f"{note['kind']} ({note['seq']}): {note['text']}")
    yield f"head of the journal: {report['head']}"
