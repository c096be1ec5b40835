"""The nouns of an incident: steps, measures, approvals, and the state that holds them all.

Nothing is in a state that is not in the journal: auditor.runbook.folding makes it from the entries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from auditor.runbook.clock import Instant


class Progress(StrEnum):
    """How far a step is."""

    STARTED = "started"
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    PASSED_OVER = "passed-over"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step's history in short."""

    progress: Progress
    started: Instant | None = None
    ended: Instant | None = None
    attempts: int = 0
    acted: bool = False
    """The journal says that its command came to an end (not merely that it was about to begin)."""
    reason: str = ""
    undone: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    """Files with what its commands printed, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporary:
    """A measure that must be gone before the incident is closed."""

    step: str
    since: Instant
    lasts: int
    """Seconds until it should have been removed."""
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A runbook as it was when the incident began to follow it."""

    name: str
    version: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody agreed to one step, with one preview, at one time."""

    step: str
    preview: str
    """SHA-256 of the list that was approved, or ""."""
    at: Instant
    by: str
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a destructive step would act on: the stored list, its hash and how many items it holds."""

    file: str
    sha256: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a person wrote down."""

    seq: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that the engine needs to go on."""

    incident: str = ""
    title: str = ""
    host: str = ""
    opened: Instant | None = None
    closed: Instant | None = None
    hosts: tuple[str, ...] = ()
    """All of them, where the incident has several; `host` is the first."""
    began: str = ""
    """When it really began, as far as somebody said."""
    runbooks: tuple[Pinned, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """Facts, variables, answers, captures and decisions, by name."""
    steps: Mapping[str, StepState] = field(default_factory=dict)
    """By `runbook/step`."""
    temporaries: Mapping[str, Temporary] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    notes: tuple[Note, ...] = ()
    evidence: frozenset[tuple[str, str]] = frozenset()
    """(step, item) of everything that was collected."""
    previews: Mapping[str, Preview] = field(default_factory=dict)
    failed_undo: str = ""
    """The step whose way back did not work; nothing else is done until it did or somebody answers for it."""
    awaiting: frozenset[str] = frozenset()
    """Runbooks of which a decision put others first."""
    removed: tuple[str, ...] = ()
    """Evidence files that list what destructive steps removed."""
    messages: Mapping[str, Instant] = field(default_factory=dict)
    """By step: when a message was last sent."""
    fired: frozenset[str] = frozenset()
    operator: str = ""
    people: Mapping[str, str] = field(default_factory=dict)
    """By role: who last acted or agreed in it."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """The heads of the journals that others write, as they were last noted, by file name."""
    seq: int = 0

    def at(self, host: str) -> "State":
        """The same, as it looks from one of several hosts: its own values stand over those of the incident."""
        if not host:
            return self
        mark = f"@{host}"
        own = {name.removesuffix(mark): value for name, value in self.values.items() if name.endswith(mark)}
        return replace(self, host=host, values=MappingProxyType({**self.values, **own}))

    def step(self, key: str) -> StepState | None:
        """The history of `runbook/step`, or None when it was never begun."""
        return self.steps.get(key)
