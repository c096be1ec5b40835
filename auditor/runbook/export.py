"""The timeline of an incident for people who were not there, and the draft of its retrospective.

Markdown, HTML, CSV and JSON say the same. Without `clear` every address, domain and IP is a pseudonym.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, to_builtins

from auditor.runbook import page
from auditor.runbook.beside import merged
from auditor.runbook.book import Book, key
from auditor.runbook.clock import elapsed
from auditor.runbook.display import escaped
from auditor.runbook.folding import fold
from auditor.runbook.journal import NAME, Attachment, Entry, digest, read
from auditor.runbook.proof import anchors_beside, flaws
from auditor.runbook.redact import Redaction, key_of
from auditor.runbook.state import Note, Progress, State
from auditor.runbook.values import NotThatType, check
from auditor.runbook.waiting import spoken

_QUIET: Final = frozenset(
    {"step.acted", "temp.add", "temp.remove", "manifest", "recheck", "removed", "clock", "beside"}
)
"""Entries that matter to the machine alone; their steps tell the same to people."""


class Line(Struct, frozen=True, kw_only=True):
    """One line of the timeline."""

    seq: int
    journal: str
    """"" for the main one, else the file name of the one beside it."""
    utc: str
    who: str
    what: str
    detail: str
    evidence: tuple[str, ...]

    @property
    def number(self) -> str:
        """17 in the main journal, bo:3 in that of bo."""
        name = self.journal.removeprefix("journal-").removesuffix(".jsonl")
        return f"{name}:{self.seq}" if name else str(self.seq)


def timeline(entries: Iterable[tuple[str, Entry]], book: Book, clean: Callable[[str], str]) -> list[Line]:
    """What happened, in the order of the journal (its times are information, its sequence is the order).

    Evidence of an entry that has no line stands with the line that follows it.
    """
    titles = {key(step): step.label for step in book.steps}
    lines: list[Line] = []
    quiet: list[Attachment] = []
    for journal, entry in entries:
        if entry.kind in _QUIET:
            quiet += entry.files
            continue
        step = titles.get(f"{entry.rb.partition('@')[0]}/{entry.step}", entry.step)
        lines.append(
            Line(
                seq=entry.seq,
                journal=journal,
                utc=entry.utc,
                who=clean(f"{entry.actor} ({entry.role.upper()})"),
                what=escaped(
                    clean(" - ".join(part for part in (_KINDS.get(entry.kind, entry.kind), step) if part))
                ),
                detail=escaped(clean(_detail(entry))),
                evidence=tuple(f"{one.p} sha256:{one.sha256}" for one in (*quiet, *entry.files)),
            )
        )
        quiet = []
    return lines


_KINDS: Final[Mapping[str, str]] = {
    "open": "incident opened", "follow": "runbook taken up", "accept": "edited runbook accepted", "values": "values noted",
    "step.start": "begun", "step.end": "ended", "skip": "left out", "jump": "went on elsewhere", "decision": "decided",
    "approval": "approved", "temp.lost": "temporary measure lost", "undo.start": "taking back", "undo.end": "taken back",
    "note": "note", "evidence": "evidence", "preview": "selection", "comms": "message sent", "timer.fired": "overdue",
    "handover": "handed over", "signed": "signed", "close": "closed", "reopen": "opened again",
}  # fmt: skip


_SHOWN: Final = (
    "result",
    "reason",
    "option",
    "by",
    "count",
    "item",
    "template",
    "channel",
    "what",
    "to",
    "detail",
)


def _detail(entry: Entry) -> str:
    data: Mapping[str, Any] = entry.data
    told: Iterable[str]
    match entry.kind:
        case "open":
            told = (str(data.get("title", "")), f"host {data.get('host', '')}")
        case "note":
            about = f" of {data['about']}" if "about" in data else ""
            told = (f"{data.get('kind', '')}{about}: {data.get('text', '')}",)
        case "values":
            told = (f"{name.replace('_', ' ')}: {value}" for name, value in data.get("values", {}).items())
        case "step.end" | "undo.end":
            told = (": ".join(str(data[name]) for name in ("result", "reason") if data.get(name)),)
        case "timer.fired":
            told = (str(data.get("what", "")),)
        case "follow" | "accept":
            told = (entry.rb,)
        case "step.start" | "undo.start" | "close":
            told = ()
        case _:
            told = (f"{name} {data[name]}" for name in _SHOWN if data.get(name) not in {None, ""})
    return ", ".join(told)


def facts(state: State, book: Book, entries: list[Entry]) -> dict[str, str]:
    """Time to detect, contain and recover, as far as the journal knows them; "" where it does not."""
    measures = {key(step) for step in book.steps if step.words.temporary is not None}
    ok = [
        known.ended
        for name, known in state.steps.items()
        if name in measures and known.progress is Progress.OK and known.ended
    ]
    opened = state.opened
    contained = min(ok, key=lambda at: elapsed(opened, at), default=None) if opened is not None else None
    back = [entry.at for entry in entries if entry.kind == "undo.end" and entry.data.get("result") == "ok"]
    accounted = [
        known.reason
        for known in state.steps.values()
        if known.progress is Progress.OK and "accepted " in known.reason
    ] + [
        str(entry.data.get("detail", ""))
        for entry in entries
        if "accepted " in str(entry.data.get("detail", ""))
    ]
    return {
        "began": state.began,
        "opened": state.opened.utc if state.opened else "",
        "time to detect": _detected(state),
        "time to contain": spoken(elapsed(state.opened, contained)) if state.opened and contained else "",
        "time to recover": spoken(elapsed(state.opened, back[-1]))
        if state.opened and back and not state.temporaries
        else "",
        "closed": state.closed.utc if state.closed else "",
        "mail": accounted[-1] if accounted else "",
    }


def _detected(state: State) -> str:
    """From when it began, as somebody found out, to when it was opened; "" where nobody did."""
    try:
        began = datetime.fromisoformat(check("time", state.began))
    except NotThatType:
        return ""
    later = (state.opened.wall() - began).total_seconds() if state.opened else -1.0
    return spoken(later) if later >= 0 else ""


def render(folder: Path, book: Book, form: str, *, retrospective: bool, clear: bool) -> str:
    """The export as text: form is md, html, csv or json. Raises ValueError for a journal that cannot be read."""
    entries = list(read(folder / NAME))
    state = fold(entries)
    redaction = Redaction(key_of(folder))
    clean: Callable[[str], str] = (lambda text: text) if clear else redaction
    lines = timeline(merged(folder), book, clean)
    known = {name: escaped(clean(value)) for name, value in facts(state, book, entries).items()}
    title = escaped(clean(f"{state.incident}: {state.title}"))
    if form == "csv":
        return _csv(lines)
    about = {
        "host": escaped(clean(", ".join(state.hosts) or state.host)),
        **known,
        "journal": _standing(folder),
    }
    text = (
        _review(title, known, fold(entry for _journal, entry in merged(folder)).notes, clean)
        if retrospective
        else _markdown(title, about, lines)
    )
    if form == "json":
        report = {"schema": "auditor.timeline/1", "title": title, "facts": known, "lines": to_builtins(lines)}
        return (
            json.dumps({**report, "redacted": redaction.count}, indent=1, sort_keys=True, ensure_ascii=False)
            + "\n"
        )
    if not clear:
        text += f"\n{redaction.count} addresses, domains and IPs are pseudonyms in this export.\n"
    return page.html(title, text) if form == "html" else text


def _standing(folder: Path) -> str:
    """What a reader can hold the export against."""
    content = (folder / NAME).read_bytes().split(b"\n")
    head = f"head {len(content) - 1}:{digest(content[-2])[:16]}"
    found = flaws(folder, anchors_beside(folder))
    if found:
        return f"{head}; NOT AS IT WAS WRITTEN: " + "; ".join(flaw.text for flaw in found)
    return f"{head}; chain, anchors and evidence files were checked and are as they were written"


def _markdown(title: str, about: Mapping[str, str], lines: list[Line]) -> str:
    told = [(name, value) for name, value in about.items() if value]
    rows = [(one.number, page.moment(one.utc), one.who, one.what, one.detail) for one in lines]
    files = [f"- {one.number}: {page.cell(name)}" for one in lines for name in one.evidence]
    parts = [
        f"# {page.cell(title)}", "", *page.table(("", ""), told), "", "## Timeline", "",
        *page.table(("seq", "UTC", "who", "what", "detail"), rows), "", "## Evidence", "", *files, "",
    ]  # fmt: skip
    return "\n".join(parts)


def _csv(lines: list[Line]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["seq", "utc", "who", "what", "detail", "evidence"])
    for one in lines:
        cells = [one.utc, one.who, one.what, one.detail, " ".join(one.evidence)]
        # A spreadsheet takes a cell that begins like this for a formula.
        writer.writerow(
            [one.number, *(f"'{cell}" if cell[:1] in {"=", "+", "-", "@"} else cell for cell in cells)]
        )
    return out.getvalue()


def _review(title: str, known: Mapping[str, str], notes: Iterable[Note], clean: Callable[[str], str]) -> str:
    """What is known is filled in; what people must say stays a question."""
    told = [f"| {name} | {page.cell(value) or '?'} |" for name, value in known.items()]
    said = [f"- {note.kind}: {page.cell(escaped(clean(note.text)))}" for note in notes if note.kind != "note"]
    open_questions = (
        "What was the cause, and how is that known?",
        "Which sign came earlier and was not seen?",
        "What went well?",
        "Where else is the same weakness?",
    )
    asked = [f"- {question} …" for question in open_questions]
    actions = ["| action | who | until | check that proves it |", "|---|---|---|---|", "| … | … | … | … |"]
    parts = [
        f"# Retrospective of {page.cell(title)}", "", "No blame: who acted did so with what was known then.", "",
        "| | |", "|---|---|", *told, "", "## Said during the incident", "", *said, "", "## To be answered", "", *asked, "",
        "## Actions", "", *actions, "",
    ]  # fmt: skip
    return "\n".join(parts)
