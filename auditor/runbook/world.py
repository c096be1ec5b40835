"""Everything outside the incident's own directory that a step may touch, as one small Protocol."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from auditor.runbook.clock import Clock
from auditor.runbook.state import Progress, State
from auditor.transport.remote import Remote


class Outcome(Struct, frozen=True, kw_only=True):
    """What a verification saw: ok, failed or unknown, and in one line why."""

    result: Progress
    detail: str = ""

    @classmethod
    def ok(cls, detail: str = "") -> "Outcome":
        """It was seen to be as it should."""
        return cls(result=Progress.OK, detail=detail)

    @classmethod
    def failed(cls, detail: str) -> "Outcome":
        """It was seen not to be."""
        return cls(result=Progress.FAILED, detail=detail)

    @classmethod
    def unknown(cls, detail: str) -> "Outcome":
        """It could not be seen; never to be taken for ok."""
        return cls(result=Progress.UNKNOWN, detail=detail)


class Played(Struct, frozen=True, kw_only=True):
    """How one run of a playbook ended."""

    good: bool
    changed: int
    output: str
    refused: str = ""
    """The sentence in which it refused and changed nothing (`Refused: …`), "" when it did not."""
    said: tuple[str, ...] = ()
    """What its tasks tell a person: what holds now, what comes next."""
    ended: bool = True
    """False when its time was over or the connection broke: what it did is then not known."""


class Measured(Struct, frozen=True, kw_only=True):
    """Numbers about the queue before a step acted."""

    total: int
    held: int


def measured(started: Mapping[str, Any]) -> Measured | None:
    """What the journal's `step.start` says of the queue before the step."""
    before = started.get("before")
    return (
        Measured(total=int(before["total"]), held=int(before["held"])) if isinstance(before, dict) else None
    )


class World(Protocol):
    """The host, the network around it, the playbooks, the scanner and the time."""

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        ...

    @property
    def remote(self) -> Remote:
        """The shell on the incident's host."""
        ...

    def probe(self, name: str, args: Mapping[str, str], state: State, before: Measured | None) -> Outcome:
        """Run one of vocabulary.PROBES; never raises for what the world does."""
        ...

    def queue(self, state: State) -> Measured | None:
        """The size of the queue now, or None when it cannot be seen."""
        ...

    def scan(self, checks: Sequence[str], state: State) -> Mapping[str, Outcome]:
        """A fresh scan of these checks on the incident's host: one scan, because some hosts count connections."""
        ...

    def play(
        self, playbook: str, extra: Mapping[str, str | int | bool], *, check_mode: bool, limit: float
    ) -> Played:
        """Run a playbook against the incident's host, for so many seconds at the most."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
