"""Is this journal what was written? Names the first line that is not, and every evidence file that changed.

Works on the directory alone. A chain cannot know that its end was cut off: that takes an anchor, a sequence number
and the first 16 digits of a line's hash that were written down elsewhere.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from auditor.runbook.journal import BEFORE_THE_FIRST, NAME, Entry, canonical, digest

_ANCHOR: Final = re.compile(r"(\d{1,9}):([0-9a-f]{16})")


class Flaw(Struct, frozen=True, kw_only=True):
    """Something that is not as it was written. `line` is 1 for the journal's first, 0 for a file or an anchor."""

    line: int
    text: str


class Anchor(Struct, frozen=True):
    """The head of a journal as it was noted outside: `17:6f0c2b…` (16 hex digits)."""

    seq: int
    start: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.start}"


def anchor(text: str) -> Anchor:
    """Read `SEQ:HEX16`; raises ValueError."""
    matched = _ANCHOR.fullmatch(text.strip())
    if matched is None:
        raise ValueError("an anchor is a line number, a colon and 16 hexadecimal digits")
    return Anchor(int(matched[1]), matched[2])


def anchors_beside(folder: Path) -> list[Anchor]:
    """The anchors that the tool keeps outside the incident's directory, in `<directory>.anchors`."""
    path = folder.with_name(folder.name + ".anchors")
    if not path.is_file():
        return []
    whole, _, _torn = path.read_text("ascii").rpartition(
        "\n"
    )  # a line that a crash cut short was never noted
    return [anchor(line) for line in whole.splitlines() if line.strip()]


def _reading(line: bytes, number: int) -> Entry | Flaw:
    try:
        entry = msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Flaw(line=number, text=f"line {number} is no entry: it was changed")
    if canonical(entry) != line:
        return Flaw(line=number, text=f"line {number} is not spelled as the tool writes it: it was changed")
    if entry.seq != number:
        return Flaw(
            line=number, text=f"line {number} holds entry {entry.seq}: lines were removed, added or swapped"
        )
    return entry


def chain_flaw(content: bytes, anchors: Iterable[Anchor] = ()) -> Flaw | None:
    """The first line that breaks the chain, or None. The anchors help to tell which of two neighbours was changed."""
    lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
    before, incident = BEFORE_THE_FIRST, None
    for number, line in enumerate(lines, 1):
        entry = _reading(line, number)
        if isinstance(entry, Flaw):
            return entry
        if entry.prev != before:
            return _culprit(lines, number, anchors)
        incident = incident or entry.inc
        if entry.inc != incident:
            return Flaw(line=number, text=f"line {number} belongs to {entry.inc}, not to {incident}")
        before = digest(line)
    if not content.endswith(b"\n") and content:
        return Flaw(
            line=len(lines) + 1, text=f"line {len(lines) + 1} was never finished (crash or full disk)"
        )
    return None


def _culprit(lines: list[bytes], number: int, anchors: Iterable[Anchor]) -> Flaw:
    """Two neighbours disagree: the later one is to blame when neither its successor nor its anchor vouches for it."""
    after = _reading(lines[number], number + 1) if number < len(lines) else None
    own = digest(lines[number - 1])
    noted = [one for one in anchors if one.seq == number]
    if isinstance(after, Entry):
        vouched: bool | None = after.prev == own
    else:
        vouched = all(own.startswith(one.start) for one in noted) if noted else None
    if number == 1 or vouched is False:
        return Flaw(line=number, text=f"line {number} was changed")
    told = f"line {number - 1} was changed: line {number} holds another hash of it"
    return Flaw(line=number - 1, text=told if vouched else f"{told} (or line {number} itself was changed)")


def anchor_flaws(content: bytes, anchors: Iterable[Anchor]) -> Iterator[Flaw]:
    """What the anchors contradict: a cut tail, or a journal that was written anew."""
    lines = content.split(b"\n")[:-1]
    for noted in anchors:
        if noted.seq > len(lines):
            yield Flaw(
                line=len(lines),
                text=f"the journal ends at line {len(lines)}, but line {noted.seq} was anchored: its tail was cut",
            )
        elif not digest(lines[noted.seq - 1]).startswith(noted.start):
            yield Flaw(line=noted.seq, text=f"line {noted.seq} is not the one that was anchored as {noted}")


def sha256_of(path: Path) -> str:
    """The hash of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_flaws(folder: Path, entries: Iterable[Entry]) -> Iterator[Flaw]:
    """Every attached file that is missing, changed, or points out of the incident's directory."""
    for entry in entries:
        for attached in entry.files:
            path = folder / attached.p
            if not path.resolve().is_relative_to(folder.resolve()):
                yield Flaw(line=entry.seq, text=f"{attached.p} (line {entry.seq}) lies outside the incident")
            elif not path.is_file():
                yield Flaw(line=entry.seq, text=f"{attached.p} (line {entry.seq}) is missing")
            elif sha256_of(path) != attached.sha256:
                yield Flaw(line=entry.seq, text=f"{attached.p} (line {entry.seq}) was changed")


def others(folder: Path) -> Mapping[str, Path]:
    """The journals of those who wrote beside the main one (auditor.runbook.beside), by file name."""
    return {path.name: path for path in sorted(folder.glob("journal-*.jsonl"))}


def heads(folder: Path) -> dict[str, str]:
    """The head of each of the others as an anchor."""
    found = {}
    for name, path in others(folder).items():
        lines = path.read_bytes().split(b"\n")[:-1]
        if lines:
            found[name] = str(Anchor(len(lines), digest(lines[-1])[:16]))
    return found


def flaws(folder: Path, anchors: Iterable[Anchor] = ()) -> list[Flaw]:
    """Everything that is not as it was written, the first bad line first; empty when all is well."""
    content, anchors = (folder / NAME).read_bytes(), tuple(anchors)
    found, entries = _of_journal(content, anchors)
    return [*found, *file_flaws(folder, entries), *_of_others(folder, content, entries)]


def _of_journal(content: bytes, anchors: Iterable[Anchor]) -> tuple[list[Flaw], list[Entry]]:
    """What is wrong with one journal, and its entries before the first bad line."""
    broken = chain_flaw(content, anchors)
    found = [broken] if broken is not None else []
    good = content.split(b"\n")[: (broken.line - 1) if broken is not None else None]
    return [*found, *anchor_flaws(content, anchors)], [
        msgspec.json.decode(line, type=Entry) for line in good if line
    ]


def _of_others(folder: Path, main: bytes, entries: Iterable[Entry]) -> Iterator[Flaw]:
    """The journals beside the main one: their own chains, what the main one noted of them, and what they noted of it."""
    paths, noted = others(folder), dict[str, list[Anchor]]()
    for entry in entries:
        heads_then = entry.data.get("heads", {}) if entry.kind == "beside" else {}
        for name, head in heads_then.items():
            noted.setdefault(name, []).append(anchor(head))
    for name in noted:
        if name not in paths:
            yield Flaw(line=0, text=f"{name} is missing: the journal noted its head")
    for name, path in paths.items():
        found, own = _of_journal(path.read_bytes(), noted.get(name, ()))
        yield from (Flaw(line=0, text=f"{name}: {flaw.text}") for flaw in found)
        for entry in own:
            said = str(entry.data.get("main", ""))
            if _ANCHOR.fullmatch(said) is None:
                yield Flaw(line=0, text=f"{name}: line {entry.seq} names no line of the journal")
                continue
            for flaw in anchor_flaws(main, [anchor(said)]):
                yield Flaw(line=flaw.line, text=f"{flaw.text} in {name}, line {entry.seq}")
