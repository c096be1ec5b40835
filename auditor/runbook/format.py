"""A runbook as the engine sees it: phases of steps with their commands, checks and ways back.

What the file looks like is told in runbooks/FORMAT.md; auditor.runbook.parse reads it. The classes here name the
keys of a step block exactly as they are written, and refuse every other key.
"""

from enum import StrEnum
from pathlib import Path
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace


class Kind(StrEnum):
    """What a step is made of, and therefore what its success means."""

    MANUAL = "manual"
    COMMAND = "command"
    ANSIBLE = "ansible"
    PROBE = "probe"
    EVIDENCE = "evidence"
    DECISION = "decision"
    APPROVE = "approve"
    COMMS = "comms"
    WAIT = "wait"
    UNDO = "undo"


class Danger(StrEnum):
    """What a step can do to the host."""

    NONE = "none"
    REVERSIBLE = "reversible"
    DESTRUCTIVE = "destructive"


class Variable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A typed value: from the inventory, an option, or the operator."""

    type: str
    source: Literal["inventory", "ask", "finding"] = field(name="from", default="ask")
    required: bool = False
    default: str | int | None = None
    min: str | int | None = None
    max: str | int | None = None
    choices: tuple[str, ...] = ()
    help: str = ""


class Verify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to know that a step worked. Exactly one of probe, finding, shell and person is set."""

    probe: str | None = None
    finding: str | None = None
    shell: bool = False
    person: str | None = None
    args: dict[str, str | int] = {}
    within: str | None = None

    def name(self) -> str:
        """How the journal and the operator call this verification."""
        if self.probe is not None:
            return self.probe
        if self.finding is not None:
            return f"finding {self.finding}"
        return "shell" if self.shell else "person"


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who must agree before a step acts."""

    role: str
    two_person: Literal["no", "preferred", "required"] = "preferred"
    if_refused: dict[str, str | int | bool] = {}
    """Asked only when the playbook refuses, which is then run once more with these."""


class Option(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a decision leads."""

    goto: str | None = None
    runbook: str | None = None
    back: bool = False
    """After the other runbook the rest of this one is done; else that one stands in its place."""
    next: bool = False
    help: str = ""


class DefaultOption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The option that holds when nobody decides in time."""

    time: str
    option: str


class DeadMan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens by itself, and when, unless a later step confirms what this one did."""

    after: str
    unless: str
    what: str


class Undo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way back of an Ansible or manual step; commands have `sh {undo=…}` blocks."""

    play: str | None = None
    args: dict[str, str | int | bool] = {}
    manual: str | None = None


class StepWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a `yaml step` block."""

    id: str
    kind: Kind
    role: str
    danger: Danger = Danger.NONE
    timeout: str | None = None
    idempotent: bool = False
    urgent: bool = False
    needs: tuple[str, ...] = ()
    gate: tuple[str, ...] = ()
    when: str | None = None
    capture: dict[str, str] = {}
    verify: tuple[Verify, ...] = ()
    on_fail: str | None = None
    approve: Approval | None = None
    preview: str | None = None
    undo: Undo | None = None
    dead_man: DeadMan | None = None
    temporary: str | None = None
    witness: bool = False
    ask: dict[str, str | Variable] = {}
    question: str | None = None
    options: dict[str, Option] = {}
    default_after: DefaultOption | None = None
    set: str | None = None
    two_copies: bool = False
    play: str | None = None
    args: dict[str, str | int | bool] = {}
    template: str | None = None
    within: str | None = None
    every: str | None = None
    channel: str | None = None
    duration: str | None = field(name="for", default=None)
    recheck: tuple[str, ...] = ()
    of: str | None = None
    each: Literal["host", "incident"] | None = None
    minutes: int = 0


class Use(StrEnum):
    """What a shell block of a step is for; also the attribute that names the step."""

    DO = "step"
    UNDO = "undo"
    VERIFY = "verify"
    PREVIEW = "preview"
    CAPTURE = "capture"


class Shell(Struct, frozen=True, kw_only=True):
    """A block of POSIX shell for one step and the platforms it was written for (empty: any)."""

    use: Use
    step: str
    mtas: tuple[str, ...]
    debian: int | None
    text: str
    line: int

    def fits(self, mta: str | None, debian: int | None) -> bool:
        """Whether the block was written for this platform."""
        return (not self.mtas or mta in self.mtas) and (self.debian is None or self.debian == debian)


class Step(Struct, frozen=True, kw_only=True):
    """A step with everything that belongs to it."""

    words: StepWords
    title: str
    phase: str
    runbook: str
    prose: str
    warnings: tuple[str, ...]
    boxes: tuple[str, ...]
    shells: tuple[Shell, ...]
    line: int
    host: str = ""
    """The host it is for, where an incident has several; "" for a step that is done once."""

    @property
    def id(self) -> str:
        """The step's name in its runbook."""
        return self.words.id

    @property
    def name(self) -> str:
        """The step's name in an incident: `patch@mx2.example.org` where there are several hosts."""
        return f"{self.id}@{self.host}" if self.host else self.id

    @property
    def label(self) -> str:
        """Its title, with the host where there are several."""
        return f"{self.title} ({self.host})" if self.host else self.title

    def shell(self, use: Use, mta: str | None, debian: int | None) -> Shell | None:
        """The block for a platform: the one that names most of it wins."""
        fitting = [block for block in self.shells if block.use is use and block.fits(mta, debian)]
        return max(fitting, key=lambda block: (bool(block.mtas), block.debian is not None), default=None)

    def questions(self) -> dict[str, Variable]:
        """The fields of `ask`, with the short form spelled out. An answer is owed unless the type is optional."""
        spelled = {
            name: asked if isinstance(asked, Variable) else Variable(type=asked)
            for name, asked in self.words.ask.items()
        }
        return {
            name: replace(asked, required=not asked.type.startswith("optional-"))
            for name, asked in spelled.items()
        }


class Phase(Struct, frozen=True, kw_only=True):
    """A part of the runbook: a heading, some words, steps."""

    title: str
    prose: str
    steps: tuple[Step, ...]


class Front(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of the front matter."""

    runbook: str
    version: int
    title: str
    severity: Literal["critical", "high", "medium", "low", "info"]
    deadline: str = "24h"
    isolate_within: str | None = None
    findings: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    targets: Literal["one", "serial", "all", "none"] = "one"
    vars: dict[str, Variable] = {}
    tested_on: tuple[str, ...] = ()
    frame: str | None = None


class Runbook(Struct, frozen=True, kw_only=True):
    """One runbook file, read."""

    front: Front
    path: Path
    sha256: str
    intro: str
    phases: tuple[Phase, ...]
    shells: tuple[Shell, ...]

    @property
    def id(self) -> str:
        """The runbook's name, which is also its file's."""
        return self.front.runbook

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, in order."""
        return tuple(step for phase in self.phases for step in phase.steps)
