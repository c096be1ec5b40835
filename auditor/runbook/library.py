"""The runbooks of a folder."""

from collections.abc import Iterator
from pathlib import Path

from auditor.runbook.format import Runbook
from auditor.runbook.parse import read

_NOT_RUNBOOKS = frozenset({"FORMAT.md", "README.md"})


class NoSuchRunbook(LookupError):
    """A name that no runbook has."""


def paths(folder: Path) -> list[Path]:
    """The canonical runbook files of a folder; translations (`name.sv.md`) are not among them."""
    return sorted(
        path for path in folder.glob("*.md") if path.name not in _NOT_RUNBOOKS and path.stem.count(".") == 0
    )


def names(folder: Path) -> frozenset[str]:
    """The names of the runbooks in a folder."""
    return frozenset(path.stem for path in paths(folder))


def every(folder: Path) -> Iterator[Runbook]:
    """Each runbook of a folder, as its file says it; raises Malformed at the first that is none."""
    yield from (read(path) for path in paths(folder))
