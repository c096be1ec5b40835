"""What a probe of a runbook has in front of it, and how it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditor.runbook.display import shown
from auditor.runbook.state import State
from auditor.runbook.values import NotThatType, check
from auditor.runbook.world import Measured, Outcome
from auditor.transport.remote import Program, Ran, Remote

_PATH: Final = (
    "LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a probe has: its arguments, the host from outside and inside, the incident."""

    args: Mapping[str, str]
    address: str
    remote: Remote
    fresh: Callable[[], Remote]
    """A connection of its own, for probes that ask whether a new login works."""
    state: State
    folder: Path
    before: Measured | None
    now: Measured | None

    def arg(self, name: str, type_name: str, default: str | None = None) -> str:
        """A typed argument; raises NotThatType."""
        given = self.args.get(name, default)
        if given is None:
            raise NotThatType(f"the probe needs {name}")
        return check(type_name, given)

    def sh(self, text: str, *args: str, timeout: float = 30.0) -> Ran:
        """Run a small program on the host."""
        return self.remote.run(Program(text=_PATH + text, args=args, timeout=timeout), limit=200_000)


Probe = Callable[[Scene], Outcome]


def said(ran: Ran) -> str:
    """What a program printed, as one short quoted line."""
    return shown((ran.stdout + b" " + ran.stderr).decode("utf-8", "backslashreplace").strip(), 160)


def three_ways(ran: Ran, good: str) -> Outcome:
    """Exit 0 ok, 1 failed, anything else unknown."""
    match ran.exit:
        case 0:
            return Outcome.ok(good)
        case 1:
            return Outcome.failed(said(ran))
        case code:
            return Outcome.unknown(f"exit {code}: {said(ran)}")
