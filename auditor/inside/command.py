"""What runs on the far side, what came back, and the mark of a reader."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from auditor.model import Reason
from auditor.net import CannotLook

F = TypeVar("F", bound=Callable[..., object])

COMMAND_NOT_FOUND = 127
COMMAND_NOT_EXECUTABLE = 126


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One read-only program with constant arguments. Nothing read from a target ever enters argv."""

    id: str
    """Unique over all readers; two readers may share one Command object and it runs once."""
    argv: tuple[str, ...]
    root: bool = False
    """Needs root; where neither root nor sudo is there, its output is unavailable for want of privilege."""
    timeout: int = 5
    """Seconds."""
    limit: int = 1 << 20
    """Bytes of standard output that are kept; more is cut and said."""
    stdin: str = ""
    beside: bool = False
    """Slow: runs beside the others, through a second channel of the same connection."""
    late: bool = False
    """Runs after the outside probes of this host, over the same connection; "{label}" in argv becomes
    the scan's own random hex. For the proof that our own transaction was logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What one command gave. Text is decoded leniently: the far side is not trusted."""

    command: str
    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    problem: Reason | None = None
    """TIMEOUT, PRIVILEGE, TRUNCATED ... as found by the framing, not by the command."""

    def text(self, *codes: int) -> str:
        """Standard output, when the command ran to its end with one of `codes` (default 0).

        Raises CannotLook otherwise: a command that failed says nothing about the host.
        """
        if self.problem is not None:
            raise CannotLook(self.problem, f"{self.command}: {self.problem}")
        if self.exit_code == COMMAND_NOT_FOUND:
            raise CannotLook(Reason.COMMAND_MISSING, f"{self.command}: not installed on the host")
        if self.exit_code not in (codes or (0,)):
            said = self.stderr.decode(errors="backslashreplace").strip().splitlines()
            raise CannotLook(
                Reason.COMMAND_FAILED,
                f"{self.command}: exit {self.exit_code}" + (f", {said[-1][:200]}" if said else ""),
            )
        return self.stdout.decode(errors="backslashreplace")

    @property
    def missing(self) -> bool:
        """The program is not installed: proven absence, which may be evidence."""
        return self.problem is None and self.exit_code == COMMAND_NOT_FOUND


def reads(*commands: Command) -> Callable[[F], F]:
    """Mark a pure parser as a reader: it gets one Output per command, in this order, and returns evidence.

    Its further parameters, if any, are injected by annotation like a probe's. Without commands it
    only draws conclusions from other evidence.
    """

    def mark(parser: F) -> F:
        parser.__dict__["commands"] = commands
        return parser

    return mark
