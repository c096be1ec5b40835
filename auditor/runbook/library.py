"""Where the runbooks are: beside the package in a checkout, inside it in an installed wheel."""

from collections.abc import Iterator
from pathlib import Path

from auditor import data
from auditor.runbook.format import Phase, Runbook
from auditor.runbook.parse import Malformed, Problem, read

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


def find(name: str, folder: Path | None = None) -> Runbook:
    """The runbook of that name with its frame around it; raises NoSuchRunbook or Malformed."""
    folder = folder or data.directory("runbooks")
    if name not in names(folder):
        raise NoSuchRunbook(f"there is no runbook {name!r}; `auditor runbook list` shows those there are")
    runbook = read(folder / f"{name}.md")
    if runbook.front.frame is None:
        return runbook
    if runbook.front.frame not in names(folder):
        raise Malformed(runbook.path, [Problem(1, f"frame: there is no runbook {runbook.front.frame}")])
    return framed(runbook, read(folder / f"{runbook.front.frame}.md"))


def every(folder: Path) -> Iterator[Runbook]:
    """Each runbook of a folder, as its file says it; raises Malformed at the first that is none."""
    yield from (read(path) for path in paths(folder))


def framed(runbook: Runbook, frame: Runbook) -> Runbook:
    """The runbook between the two halves of its frame, which an empty phase `Body` parts."""
    titles = [phase.title.casefold() for phase in frame.phases]
    if "body" not in titles:
        raise Malformed(frame.path, [Problem(1, "a frame has a ## Body, where the runbook goes")])
    cut = titles.index("body")
    phases: tuple[Phase, ...] = (*frame.phases[:cut], *runbook.phases, *frame.phases[cut + 1 :])
    return Runbook(
        front=runbook.front,
        path=runbook.path,
        sha256=runbook.sha256 + "+" + frame.sha256,
        intro=runbook.intro,
        phases=phases,
        shells=runbook.shells + frame.shells,
    )
