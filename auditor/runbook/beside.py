"""The journal of a second person, who writes while somebody else follows the runbook.

One process writes journal.jsonl. Who comes second writes journal-NAME.jsonl, a chain of its own. Each of its entries
names the head of the main journal at that moment, and the main journal notes the heads of the others before its own
next entry. So each vouches for the other's past, and an export brings them into one order without trusting a clock.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auditor.runbook.clock import Clock
from auditor.runbook.folding import fold, key_of
from auditor.runbook.incident import Incident
from auditor.runbook.journal import NAME, Author, Entry, Journal, digest, read
from auditor.runbook.proof import anchor, others
from auditor.runbook.state import Approval, State


class Beside(Incident):
    """One incident, opened by somebody who does not follow the runbook. It reads the main journal and never writes it."""

    def __init__(self, folder: Path, clock: Clock, author: Author) -> None:
        super().__init__(folder, clock, author)
        name = re.sub(r"[^a-z0-9]+", "-", author.actor.casefold()).strip("-") or "somebody"
        self.journal = Journal(folder, folder.name, clock, name=f"journal-{name}.jsonl")

    def __exit__(self, *exc: object) -> None:
        self.journal.__exit__(*exc)

    def _folded(self) -> State:
        return fold(read(self.folder / NAME))

    def _vouching(self) -> Mapping[str, Any]:
        """The head of the main journal at this moment."""
        lines = (self.folder / NAME).read_bytes().split(b"\n")[:-1]
        return {"main": f"{len(lines)}:{digest(lines[-1])[:16]}"}


def approvals(folder: Path) -> Iterator[tuple[str, Approval]]:
    """(`journal-bo.jsonl:3`, approval) of everything that others agreed to in their own journals."""
    for name, path in others(folder).items():
        for entry in read(path):
            if entry.kind == "approval":
                given = Approval(
                    step=key_of(entry),
                    preview=str(entry.data.get("preview", "")),
                    at=entry.at,
                    by=entry.actor,
                    role=str(entry.data.get("role", "")),
                )
                yield f"{name}:{entry.seq}", given


def merged(folder: Path) -> list[tuple[str, Entry]]:
    """(journal, entry) of all journals ("" is the main one): each entry of another stands after the line that it names.

    Raises ValueError with the line's number when a complete line is no entry.
    """
    ordered = [((entry.seq, "", 0), "", entry) for entry in read(folder / NAME)]
    for name, path in others(folder).items():
        ordered += [
            ((anchor(str(entry.data.get("main", ""))).seq, name, entry.seq), name, entry)
            for entry in read(path)
        ]
    return [(name, entry) for _place, name, entry in sorted(ordered, key=lambda one: one[0])]
