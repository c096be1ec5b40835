"""What a step has in front of it while it is done: the incident, the host, the person, the values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec import structs

from auditor.runbook import shell
from auditor.runbook.book import Book, key
from auditor.runbook.display import escaped, lines_shown
from auditor.runbook.format import Shell, Step, Use
from auditor.runbook.incident import Incident, Spool
from auditor.runbook.journal import Attachment, Place
from auditor.runbook.operator import Questions
from auditor.runbook.state import State
from auditor.runbook.values import NotThatType, check, seconds
from auditor.runbook.vocabulary import BUILTINS
from auditor.runbook.world import World
from auditor.transport.remote import Program, Ran

_TIMEOUT: Final = "2m"
_READ_BACK: Final = 4_000_000


class NotPossible(RuntimeError):
    """A step cannot be done now; one sentence says why. Nothing was done."""


class Refused(NotPossible):
    """A playbook refused, and nobody who may overrule it did. Nothing was done."""


@dataclass(slots=True)
class Desk:
    """One operator at work on one incident."""

    incident: Incident
    book: Book
    world: World
    ask: Questions
    dry: bool = False
    worlds: Mapping[str, World] = field(default_factory=dict)
    """By host, where the incident has several; `world` is that of the host in front of us."""
    host: str = ""
    """The host in front of us, where there are several."""

    def at(self, step: Step) -> "Desk":
        """The desk as it is for a step: its host's world, its host's values."""
        return replace(self, host=step.host, world=self.worlds.get(step.host, self.world))

    @property
    def state(self) -> State:
        """What the journal says now."""
        return self.incident.state.at(self.host)

    def say(self, text: str) -> None:
        """Show a line; whoever passes foreign text escapes it first."""
        self.ask.operator.say(text)

    def place(self, step: Step) -> Place:
        """How the journal refers to a step."""
        runbook = self.book.runbooks[step.runbook]
        return Place(step=step.name, runbook=f"{runbook.id}@{runbook.front.version}", sha256=runbook.sha256)

    def value(self, name: str, step: Step) -> str:
        """A fact, variable or earlier answer; asked for (and journalled) when it is a variable without a value."""
        known = self._builtin(name, step)
        if known is None:
            known = self.state.values.get(name)
        if known is not None:
            return known
        variable = self.book.variables().get(name)
        if variable is None:
            raise NotPossible(f"step {step.id} needs {name}, which is not known: --var {name}=… tells it")
        answer = self.ask.typed(
            f"vars.{name}", variable.help or f"Value of {name} ({variable.type})", variable
        )
        if not self.dry:
            # A variable is the incident's, also when a step of one of several hosts is the first to ask for it.
            place = structs.replace(self.place(step), step=step.id)
            self.incident.record("values", place, {"values": {name: answer}})
        return answer

    def _builtin(self, name: str, step: Step) -> str | None:
        if name not in BUILTINS:
            return None
        preview = self.state.previews.get(key(step))
        return {
            "incident_id": self.state.incident,
            "host": self.state.host,
            "selected_count": str(preview.count if preview else 0),
        }[name]

    def filled(self, text: str, step: Step) -> str:
        """`{{ name }}` in arguments of probes and playbooks; the result is data, never a program."""
        return shell.PLACEHOLDER.sub(lambda found: self.value(found[1], step), text)

    def block(self, step: Step, use: Use) -> Shell | None:
        """The shell block for this host's platform."""
        debian = self.state.values.get("debian", "")
        return step.shell(use, self.state.values.get("mta"), int(debian) if debian.isdigit() else None)

    def program(self, step: Step, block: Shell, stdin: bytes = b"") -> Program:
        """The block with its values as positional parameters."""
        text, args = shell.program(
            block.text, {name: self.value(name, step) for name in shell.names(block.text)}
        )
        return Program(
            text=text, args=args, stdin=stdin, timeout=float(seconds(step.words.timeout or _TIMEOUT))
        )

    def run(self, program: Program, name: str) -> tuple[Ran, tuple[Attachment, ...], str]:
        """Run it, keep what it says in evidence files, show the beginning; returns its output too, bounded.

        Raises CannotReach when its end was not seen, and Unwritable.
        """
        spool = Spool(self.incident.folder, name)
        try:
            ran = self.world.remote.run(program, sink=spool.write)
        finally:
            files = [spool.finish()]
        if ran.stderr:
            files.append(self.incident.store(name.removesuffix(".out") + ".err", ran.stderr))
        with (self.incident.folder / name).open("rb") as file:
            output = file.read(_READ_BACK).decode("utf-8", "backslashreplace")
        for line in lines_shown(output):
            self.say(f"    {line}")
        for line in lines_shown(ran.stderr.decode("utf-8", "backslashreplace"), most=10):
            self.say(f"  ! {line}")
        return ran, tuple(files), output


def captured(step: Step, output: str) -> tuple[dict[str, str], str]:
    """The values that a step declares to capture, and a complaint about those missing, doubtful or of another type."""
    found: dict[str, str] = {}
    complaint = ""
    for name, type_name in step.words.capture.items():
        values = set(re.findall(rf"^{re.escape(name)}=(.*)$", output, re.MULTILINE))
        if len(values) != 1:
            complaint = f"{step.id} should print one line {name}=…, it printed {len(values) or 'none'}"
            continue
        try:
            found[name] = check(type_name, values.pop())
        except NotThatType as error:
            complaint = str(error)
    return found, complaint


def heading(step: Step) -> str:
    """The step in one line."""
    words = step.words
    danger = "" if words.danger.value == "none" else f", {words.danger.value}"
    return escaped(f"{step.title} [{step.name}] ({words.role.upper()}, {words.kind.value}{danger})")
