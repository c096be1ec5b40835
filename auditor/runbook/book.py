"""The steps of an incident in their order: the frame's first half, each runbook that is followed, the second half.

Names inside a runbook (`needs`, `when`, `of`, `goto`) mean steps of the same file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor.runbook import condition, library
from auditor.runbook.format import Danger, Kind, Phase, Runbook, Step, Variable
from auditor.runbook.parse import Malformed, Problem, read
from auditor.runbook.spread import spread
from auditor.runbook.state import Progress, State

_DONE = frozenset({Progress.OK, Progress.SKIPPED, Progress.PASSED_OVER})


class Edited(RuntimeError):
    """A runbook is not the file any more that this incident began to follow."""


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that is to be done in one incident."""

    runbooks: Mapping[str, Runbook]
    phases: tuple[Phase, ...]
    hosts: tuple[str, ...] = ()
    """Where there are several."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, in order."""
        return tuple(step for phase in self.phases for step in phase.steps)

    def variables(self) -> dict[str, Variable]:
        """The declared variables of every runbook."""
        return {
            name: variable
            for runbook in self.runbooks.values()
            for name, variable in runbook.front.vars.items()
        }

    def find(self, name: str) -> Step:
        """A step by its id, or by runbook/id; raises LookupError with a sentence."""
        found = [step for step in self.steps if name in {step.id, step.name, key(step)}]
        if len(found) == 1:
            return found[0]
        if not found:
            raise LookupError(f"there is no step {name!r} in {', '.join(self.runbooks)}")
        raise LookupError(
            f"several steps are called {name}: write {' or '.join(key(step) for step in found)}"
        )

    def near(self, step: Step, name: str) -> Step:
        """The step that `name` means inside the runbook of `step`, on the same host."""
        return self.meant(step, name)[0]

    def meant(self, step: Step, name: str) -> list[Step]:
        """The same; for a step that is done once, the one that `name` means on every host. Raises LookupError."""
        same = [one for one in self.steps if (one.runbook, one.id) == (step.runbook, name)]
        own = [one for one in same if not step.host or one.host in {step.host, ""}]
        if not own:
            raise LookupError(f"there is no step {name!r} in {step.runbook}")
        return own


def key(step: Step) -> str:
    """What the journal and the state call a step."""
    return f"{step.runbook}/{step.name}"


def collect(names: Iterable[str], folder: Path, hosts: tuple[str, ...] = ()) -> Book:
    """The book of these runbooks (in the order they were begun); raises NoSuchRunbook or Malformed.

    `hosts` are given where there are several: auditor.runbook.spread says what that means.
    """
    known = library.names(folder)

    def runbook(name: str) -> Runbook:
        if name not in known:
            raise library.NoSuchRunbook(f"there is no runbook {name!r}")
        return read(folder / f"{name}.md")

    return _bound(names, runbook, hosts)


def followed(incident: Path, state: State) -> Book:
    """The book as it was followed, out of the copies that the incident keeps, wherever it is read and whatever became
    of the runbooks since; raises NoSuchRunbook or Malformed.
    """
    pinned = {pin.name: pin for pin in state.runbooks}

    def runbook(name: str) -> Runbook:
        pin = pinned.get(name)
        kept = incident / "runbooks" / (f"{name}@{pin.version}-{pin.sha256[:12]}.md" if pin else "none")
        if not kept.is_file():
            raise library.NoSuchRunbook(f"the incident keeps no copy of runbook {name!r}")
        return read(kept)

    return _bound(pinned, runbook, state.hosts)


def _bound(names: Iterable[str], find: Callable[[str], Runbook], hosts: tuple[str, ...]) -> Book:
    runbooks = {name: find(name) for name in names}
    frames = {runbook.front.frame for runbook in runbooks.values() if runbook.front.frame} - {None}
    head: list[Phase] = []
    tail: list[Phase] = []
    for frame in sorted(frames):
        if frame not in runbooks:
            runbooks[frame] = find(frame)
        first, second = halves(runbooks[frame])
        head += first
        tail = second + tail
    body = [
        spread(phase, hosts, serially=runbook.front.targets == "serial")
        for name, runbook in runbooks.items()
        if name not in frames
        for phase in runbook.phases
    ]
    around = [[spread(phase, hosts, serially=False) for phase in half] for half in (head, tail)]
    return Book(runbooks, (*around[0], *body, *around[1]), hosts)


def halves(frame: Runbook) -> tuple[list[Phase], list[Phase]]:
    """The phases of a frame before and after its empty `## Body`."""
    titles = [phase.title.casefold() for phase in frame.phases]
    if "body" not in titles:
        raise Malformed(frame.path, [Problem(1, "a frame has a ## Body, where the runbook goes")])
    cut = titles.index("body")
    return list(frame.phases[:cut]), list(frame.phases[cut + 1 :])


def unchanged(book: Book, state: State) -> None:
    """Raises Edited when a file differs from what was pinned (the journal's entry `open`, `follow` or `accept`)."""
    pinned = {pin.name: pin.sha256 for pin in state.runbooks}
    changed = [
        name for name, runbook in book.runbooks.items() if pinned.get(name) not in {None, runbook.sha256}
    ]
    if changed:
        raise Edited(
            f"the runbook {', '.join(changed)} was edited since this incident began to follow it: "
            "read the difference, then `auditor incident accept`"
        )


def applies(step: Step, state: State) -> bool | None:
    """What `when:` says now; None when it hangs on something that is not known."""
    if step.words.when is None:
        return True

    def look(name: str) -> condition.Scalar | None:
        base, dot, result = name.partition(".")
        if not dot:
            return state.at(step.host).values.get(name)
        once = state.step(f"{step.runbook}/{base}")
        hosts = (step.host,) if step.host else state.hosts
        found = (
            [once] if once is not None else [state.step(f"{step.runbook}/{base}@{host}") for host in hosts]
        )
        met = [known is not None and known.progress.value == result for known in found]
        return all(met) and bool(met) if result == Progress.OK.value else any(met)

    return condition.holds(condition.parse(step.words.when), look)


def is_done(step: Step, state: State) -> bool:
    """Nothing is left to do here: ended ok, skipped with a reason, passed over, or failed and led elsewhere."""
    known = state.step(key(step))
    if known is None or (known.undone and known.progress is Progress.OK):
        return known is not None
    return known.progress in _DONE or bool(known.data.get("handled"))


def following(book: Book, state: State, phase: str | None = None) -> Step | None:
    """The step to do now: the first that is neither done nor excluded, waiting ones aside; None when all is done.

    `phase` is the title of one phase in small letters; then only its steps count, whatever else is left before.

    A runbook that awaits others goes on when they have nothing left but waiting. The frame's last half is last: it says
    that it is over, so it begins when nothing but a watch is left.
    """
    waiting: Step | None = None
    locked = False
    later: dict[str, Step] = {}
    frames = {runbook.front.frame for runbook in book.runbooks.values()}
    for step in book.steps:
        if is_done(step, state) or phase not in {None, step.phase.casefold()}:
            continue
        known = state.step(key(step))
        if known is None and applies(step, state) is False:
            continue
        if step.words.kind is Kind.WAIT and known is not None and known.progress is Progress.STARTED:
            waiting = waiting or step
            continue
        if waiting is not None and (_not_its_turn(step, waiting, book) or missing(step, book, state)):
            locked = True
            continue
        if step.runbook in state.awaiting:
            later.setdefault(step.runbook, step)
            continue
        if not (step.runbook in frames and (later or locked)):
            return step
    return next(reversed(later.values()), waiting)


def _not_its_turn(step: Step, waiting: Step, book: Book) -> bool:
    """Whether a host must wait for what another one waits for, because they go serially."""
    serially = book.runbooks[step.runbook].front.targets == "serial"
    return (
        serially
        and step.runbook == waiting.runbook
        and "" not in {step.host, waiting.host}
        and step.host != waiting.host
    )


def missing(step: Step, book: Book, state: State) -> list[str]:
    """The needs and gates of a step that are not met, each with what it is instead.

    What a destructive step needs of evidence is a gate, however the runbook writes it: no skip with a reason stands for
    the copy of what is about to be deleted.
    """
    found = []
    destructive = step.words.danger is Danger.DESTRUCTIVE
    for name in (*step.words.needs, *step.words.gate):
        for needed in book.meant(step, name):
            known = state.step(key(needed))
            progress = known.progress if known is not None else None
            met = progress is Progress.OK
            gate = name in step.words.gate or (destructive and needed.words.kind is Kind.EVIDENCE)
            if not met and not gate:  # a gate is opened by success alone
                excluded = known is None and applies(needed, state) is False
                met = progress is Progress.SKIPPED or excluded
            if not met:
                found.append(f"{needed.name} ({progress.value if progress else 'not begun'})")
    return found


def open_ends(book: Book, state: State) -> list[str]:
    """Why the incident cannot be closed yet, each in one line; empty when it can."""
    reasons = [f"temporary measure {name} is still in place" for name in state.temporaries]
    for step in book.steps:
        known = state.step(key(step))
        if known is None:
            if applies(step, state) is not False:
                reasons.append(f"step {key(step)} was not done")
        elif known.progress not in _DONE:
            reasons.append(f"step {key(step)} is {known.progress.value}")
    return reasons
