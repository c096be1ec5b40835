"""An incident on the auditor's disk: its directory, its journal, the files that belong to it, its anchors."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from msgspec import structs

from auditor.runbook.clock import Clock
from auditor.runbook.folding import fold
from auditor.runbook.journal import (
    NAME,
    NOWHERE,
    Attachment,
    Author,
    Entry,
    Journal,
    Place,
    Unwritable,
    append_durably,
    read,
    write_durably,
)
from auditor.runbook.proof import Anchor, heads, sha256_of
from auditor.runbook.state import State

_PIECE: Final = 1 << 20


class NoSuchIncident(LookupError):
    """There is no incident of that name where incidents are kept."""


def create(root: Path, clock: Clock) -> Path:
    """A new directory INC-YYYY-NNNN, whose number nobody else has; raises OSError."""
    root.mkdir(parents=True, exist_ok=True)
    year = clock.now().utc[:4]
    taken = [int(path.name[9:13]) for path in root.glob(f"INC-{year}-[0-9][0-9][0-9][0-9]")]
    for number in range(max(taken, default=0) + 1, 10_000):
        folder = root / f"INC-{year}-{number:04d}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:  # another process was faster
            continue
        (folder / "ev").mkdir(mode=0o700)
        return folder
    raise FileExistsError(f"{root} holds 9999 incidents of {year}")


def all_of(root: Path) -> list[Path]:
    """The directories of all incidents, none where nobody has opened one yet; raises OSError where one cannot look."""
    try:
        found = sorted(root.iterdir())
    except FileNotFoundError:
        return []
    return [folder for folder in found if folder.name.startswith("INC-") and (folder / NAME).is_file()]


def _runs(folder: Path) -> bool:
    """Whether it is not closed; of one whose journal cannot be read nobody knows that it is."""
    try:
        return look(folder).closed is None
    except ValueError:
        return True


def find(root: Path, name: str | None, *, reading: bool = False) -> Path:
    """The directory of an incident; without a name, of the only one that is not closed.

    For reading the newest will do when all are closed. Raises NoSuchIncident and OSError.
    """
    if name is not None:
        for folder in (root / name, Path(name)):
            if (folder / NAME).is_file():
                return folder
        raise NoSuchIncident(f"there is no incident {name} in {root}")
    candidates = all_of(root)
    running = [folder for folder in candidates if _runs(folder)]
    if len(running) == 1:
        return running[0]
    if not running and candidates and reading:
        return candidates[-1]
    if not running:
        raise NoSuchIncident(f"no incident is open in {root}; `auditor incident open` begins one")
    raise NoSuchIncident(
        f"{len(running)} incidents are open: name one of {', '.join(path.name for path in running)}"
    )


def look(folder: Path) -> State:
    """The state of an incident for somebody who only reads; takes no lock. Raises ValueError and OSError."""
    try:
        return fold(read(folder / NAME))
    except ValueError as error:
        raise ValueError(f"{folder.name}: {error}") from None


class Incident:
    """One incident, opened for writing. Use as a context manager; see Journal for what it raises."""

    def __init__(self, folder: Path, clock: Clock, author: Author) -> None:
        self.folder, self.clock, self.author = folder, clock, author
        self.journal = Journal(folder, folder.name, clock)
        self.state = State()

    def __enter__(self) -> Self:
        self.journal.__enter__()
        self.state = self._folded()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.drop_anchor()
        finally:
            self.journal.__exit__(*exc)

    def record(
        self,
        kind: str,
        place: Place = NOWHERE,
        data: Mapping[str, Any] | None = None,
        files: tuple[Attachment, ...] = (),
    ) -> Entry:
        """Write one entry; the state follows it."""
        told = {**(data or {}), **self._vouching()}
        entry = self.journal.append(kind, self.author, place=place, data=told, files=files)
        self.state = self._folded()
        return entry

    @contextmanager
    def acting(self, role: str) -> Iterator[None]:
        """Meanwhile entries are written in this role, unless their author named one."""
        author = self.author
        self.author = author if author.role else structs.replace(author, role=role)
        try:
            yield
        finally:
            self.author = author

    def _folded(self) -> State:
        """What the journal that is followed says by now."""
        return fold(self.journal.entries)

    def _vouching(self) -> Mapping[str, Any]:
        """What each entry says beside its own matter. What others wrote in their journals meanwhile is noted before it."""
        if (beside := heads(self.folder)) != dict(self.state.beside) and self.journal.entries:
            self.journal.append("beside", self.author, data={"heads": beside})
        return {}

    def store(self, name: str, content: bytes) -> Attachment:
        """Keep a small file with the incident, safely on the disk."""
        path = self.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            write_durably(path, content)
        except OSError as error:
            raise Unwritable(f"{name} cannot be written ({error.strerror})") from None
        return Attachment(p=name, sha256=hashlib.sha256(content).hexdigest(), n=len(content))

    def next_name(self, what: str, ending: str) -> str:
        """A name below ev/ that sorts by time and that no other file has."""
        return f"ev/{len(self.journal.entries) + 1:04d}-{what}{ending}"

    def head(self) -> Anchor:
        """What to write on paper."""
        return Anchor(len(self.journal.entries), self.journal.head[:16])

    def drop_anchor(self) -> None:
        """Note the head beside the incident's directory, where cutting the journal's tail does not reach.

        Raises Unwritable, with the file as it was.
        """
        if not self.journal.entries:
            return
        beside = self.folder.with_name(self.folder.name + ".anchors")
        line = f"{self.head()}\n".encode()
        known = beside.read_bytes() if beside.is_file() else b""
        if known.endswith(line):
            return
        whole = known.rfind(b"\n") + 1  # a crash may have cut the last line short
        try:
            append_durably(beside, line, at=whole)
        except OSError as error:
            raise Unwritable(f"{beside.name} cannot be written ({error.strerror})") from None


class Spool:
    """A file that grows while its hash is computed, and that is read again once it is whole."""

    def __init__(self, folder: Path, name: str, copy: Path | None = None) -> None:
        self.folder, self.name = folder, name
        (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._files = [os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)]
        if copy is not None:
            (copy / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files.append(
                os.open(copy / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            )
        self._copy = copy
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Take the next piece; raises Unwritable."""
        try:
            for file in self._files:
                view = memoryview(piece)
                while view:
                    view = view[os.write(file, view) :]
        except OSError as error:
            self._close()
            raise Unwritable(f"{self.name} cannot be written ({error.strerror})") from None
        self._hash.update(piece)
        self.size += len(piece)

    def _close(self) -> None:
        files, self._files = self._files, []
        for file in files:
            os.close(file)

    def finish(self) -> Attachment:
        """Wait for the disk, read everything again and compare; raises Unwritable when the disk gives back other bytes."""
        for file in self._files:
            os.fsync(file)
        self._close()
        digest = self._hash.hexdigest()
        for folder in [self.folder, *([self._copy] if self._copy else [])]:
            if sha256_of(folder / self.name) != digest:
                raise Unwritable(f"{folder / self.name} does not read back as it was written")
        if self._copy is not None:
            (self._copy / self.name).chmod(0o400)
        return Attachment(p=self.name, sha256=digest, n=self.size)
