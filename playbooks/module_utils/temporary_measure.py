"""A measure that goes again: what it changed is remembered, and taken back line by line.

While mail is held or an account is shut the admin goes on with the same files. So the way back is neither a copy of the
old file, which would undo his work as well, nor a pattern that knows only our own lines and not what stood in their
place: it is the change itself, backwards, on whatever the file says by then. Where nobody else was there, that is the old
file byte for byte.
"""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from ansible.module_utils.mail_transaction import Transaction

MEASURES = Path("/var/lib/auditor/measures")
MEASURE_SPEC: dict[str, Any] = {
    "measure": {"type": "str", "default": ""},
    "gone": {"type": "bool", "default": False},
}

Hunk = tuple[int, int, tuple[str, ...]]


class Entangled(Exception):
    """Somebody has edited the very lines that the measure had changed."""


def _hunks(base: list[str], other: list[str]) -> list[Hunk]:
    rows = SequenceMatcher(None, base, other, autojunk=False).get_opcodes()
    return [(begin, end, tuple(other[start:stop])) for kind, begin, end, start, stop in rows if kind != "equal"]


def merged(base: str, mine: str, theirs: str) -> str:
    """`base` with the changes of both. Raises Entangled where both changed the same lines, or added at the same place."""
    lines = base.splitlines(keepends=True)
    ours, others = (_hunks(lines, text.splitlines(keepends=True)) for text in (mine, theirs))
    for one in ours:
        for other in others:
            same_place = one[0] == one[1] == other[0] == other[1]
            if one != other and (same_place or (one[0] < other[1] and other[0] < one[1])):
                raise Entangled("".join(lines[one[0] : one[1]]) or "".join(one[2]))
    for begin, end, text in sorted({*ours, *others}, reverse=True):
        lines[begin:end] = text
    return "".join(lines)


def _without(was: str | None, became: str | None, now: str | None) -> str | None:
    """What a file says now, less the change from `was` to `became`; None is a file that does not exist."""
    if now == became:
        return was
    if None in (was, became, now):
        raise Entangled(became or was or "")
    return merged(str(became), str(was), str(now))


class Measure:
    """One named measure on this host, within the transaction that takes it or takes it back."""

    def __init__(self, change: Transaction, params: dict[str, Any]) -> None:
        """From here on the transaction sees every file as it would be without the measure."""
        self.change, self.name, self.gone = change, str(params["measure"]), bool(params["gone"])
        self.record = MEASURES / f"{self.name}.json"
        self.without: dict[str, str | None] = {}
        known = json.loads(self.record.read_text(encoding="ascii")) if self.name and self.record.exists() else {}
        for path, (was, became, derived) in known.items():
            if derived and change.text(path) != became:
                continue  # somebody has built it anew meanwhile; whoever made it from its source does so again
            try:
                self.without[path] = _without(was, became, change.text(path))
            except Entangled as error:
                lines = " / ".join(str(error).split("\n")[:3])[:200]
                change.module.fail_json(
                    msg=f"{change.what}: not done, nothing was changed: {path} was edited where `{self.name}` had changed it. Take back the measure that came later first, or mend these lines by hand: {lines}"
                )
            was_there = self.without[path]
            change.put(path, None if was_there is None else was_there.encode("utf-8", "surrogateescape"), derived=derived)

    def remember(self) -> None:
        """What the measure changes, kept in the same transaction: it is there exactly as long as the measure."""
        if not self.name:
            return
        if self.gone:
            if self.record.exists():
                self.change.put(str(self.record), None, derived=True)
            return
        if not self.change.differing():
            return
        steps = {}
        for path, wanted in self.change.files.items():
            was, becomes = self.without.get(str(path), self.change.text_before(str(path))), self.change.text(str(path))
            if was != becomes:
                steps[str(path)] = (was, becomes, wanted.derived)
        self.change.put(str(self.record), json.dumps(steps), mode=0o600, derived=True)
