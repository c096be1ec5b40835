"""The journal of an incident: append-only, one canonical JSON object a line, each holding the hash of the line before.

An entry is on the disk before anybody acts on it. One process writes at a time. A last line that a crash or a full
disk cut short is set aside, never repaired and never left in the way: nothing had been done on its strength.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from auditor.runbook.clock import Clock, Instant

NAME: Final = "journal.jsonl"
BEFORE_THE_FIRST: Final = "0" * 64
_VERSION: Final = 1
_DOES: Final = "ops"
"""The role of whoever types and named no other."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # bytes that were no UTF-8; JSON has no place for them


class Busy(RuntimeError):
    """Another process is following this incident."""


class Unwritable(RuntimeError):
    """The journal could not be written, so nothing was done. The file is as it was before."""


class Attachment(Struct, frozen=True, kw_only=True):
    """A file that belongs to an entry: path below the incident's directory, SHA-256 and size in bytes."""

    p: str
    sha256: str
    n: int


class Author(Struct, frozen=True, kw_only=True):
    """Who wrote an entry, from where, in which role; "" is that of the step which is done, else OPS."""

    actor: str
    role: str
    src: str


class Place(Struct, frozen=True, kw_only=True):
    """The step an entry is about, its runbook as name@version, and the hash of that file."""

    step: str = ""
    runbook: str = ""
    sha256: str = ""


NOWHERE: Final = Place()


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the journal."""

    v: int
    seq: int
    inc: str
    utc: str
    mono_ns: int
    boot: str
    src: str
    actor: str
    role: str
    kind: str
    step: str
    rb: str
    rb_sha256: str
    data: dict[str, Any]
    files: tuple[Attachment, ...]
    prev: str

    @property
    def at(self) -> Instant:
        """When it was written."""
        return Instant(utc=self.utc, mono_ns=self.mono_ns, boot=self.boot)


def canonical(entry: Entry) -> bytes:
    """The one spelling of an entry: sorted keys, UTF-8, no spaces, no newline."""
    plain = msgspec.to_builtins(entry)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text).encode()


def digest(line: bytes) -> str:
    """The hash by which the next line refers to this one."""
    return hashlib.sha256(line).hexdigest()


def read(path: Path) -> Iterator[Entry]:
    """The entries of a journal file, without its torn tail; proves nothing, that is auditor.runbook.proof's business.

    Raises ValueError with the line's number when a complete line is no entry.
    """
    content = path.read_bytes()
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].split(b"\n")[:-1], 1):
        try:
            yield msgspec.json.decode(line, type=Entry)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path.name}: line {number} is no entry: {error}") from None


class Journal:
    """The one writer of a journal. Use as a context manager; raises Busy when there is another."""

    def __init__(self, folder: Path, incident: str, clock: Clock, *, name: str = NAME) -> None:
        self.folder, self.incident, self.clock, self.name = folder, incident, clock, name
        self.entries: list[Entry] = []
        self.head = BEFORE_THE_FIRST
        self._file = -1
        self._size = 0

    def __enter__(self) -> Self:
        path = self.folder / self.name
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise Busy(f"{self.incident}: another process is following this incident; end it first") from None
        with ExitStack() as on_failure:
            on_failure.callback(os.close, self._file)
            self._set_torn_tail_aside(path)
            self.entries = list(read(path))
            if self.entries:
                self.head = digest(path.read_bytes().split(b"\n")[-2])
            self._size = os.fstat(self._file).st_size
            on_failure.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        os.close(self._file)  # which also releases the lock

    def append(
        self,
        kind: str,
        author: Author,
        *,
        place: Place = NOWHERE,
        data: Mapping[str, Any] | None = None,
        files: tuple[Attachment, ...] = (),
    ) -> Entry:
        """Write one entry and wait until the disk has it; raises Unwritable, with the file as it was before."""
        now = self.clock.now()
        entry = Entry(
            v=_VERSION, seq=len(self.entries) + 1, inc=self.incident, utc=now.utc, mono_ns=now.mono_ns, boot=now.boot,
            src=author.src, actor=author.actor, role=author.role or _DOES, kind=kind, step=place.step, rb=place.runbook,
            rb_sha256=place.sha256, data=dict(data or {}), files=files, prev=self.head,
        )  # fmt: skip
        line = canonical(entry)
        try:
            _write_all(self._file, line + b"\n")
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise Unwritable(f"the journal cannot be written ({error.strerror}); nothing was done") from None
        self._size += len(line) + 1
        self.head = digest(line)
        self.entries.append(entry)
        return entry

    def _set_torn_tail_aside(self, path: Path) -> None:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        torn = content[whole:]
        if not torn:
            return
        aside = self.folder / f"{self.name.removesuffix('.jsonl')}.torn-{digest(torn)[:12]}"
        try:
            write_durably(aside, torn)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise Unwritable(f"the journal's torn last line cannot be set aside ({error.strerror})") from None
        os.ftruncate(self._file, whole)
        os.fsync(self._file)


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def append_durably(path: Path, content: bytes, *, at: int) -> None:
    """Write at the end of the first `at` bytes of a file, which are kept whatever happens. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(file, at)
        os.lseek(file, at, os.SEEK_SET)
        try:
            _write_all(file, content)
            os.fsync(file)
        except OSError:
            os.ftruncate(file, at)
            raise
    finally:
        os.close(file)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it and its name."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
