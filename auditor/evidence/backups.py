"""When a backup last succeeded and was last restored from: by the traces of the programs, or by the inventory's word."""

import re
from dataclasses import dataclass
from datetime import date

from auditor.evidence.processes import ProcessTable
from auditor.model import Declared

AGENTS = ("bacula-fd", "bareos-fd", "urbackupclientbackend", "veeamservice", "bpcd", "cvd", "dsmc", "amandad")
"""Programs that a server elsewhere drives: whether that succeeded is known there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRun:
    """The newest success of one program."""

    tool: str
    at: float
    """Seconds since 1970, by the host's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """What the host knows of its own backups."""

    runs: tuple[BackupRun, ...] = ()
    failed: tuple[str, ...] = ()
    """Units whose last run failed."""
    scheduled: tuple[str, ...] = ()
    """Programs that cron or a timer starts, whose success may be written down elsewhere."""
    agents: tuple[str, ...] = ()
    restored: float | None = None
    """When somebody last noted that a restore had been rehearsed."""

    @property
    def newest(self) -> BackupRun | None:
        """The latest success of all."""
        return max(self.runs, key=lambda run: run.at, default=None)


def parse_traces(text: str, table: ProcessTable) -> Backups:
    """Lines "run|TOOL|SECONDS", "failed|UNIT", "scheduled|TOOL" and "restored|SECONDS"."""
    newest: dict[str, float] = {}
    failed, scheduled, restored = [], [], None
    for line in text.splitlines():
        match line.split("|"):
            case ["run", tool, seconds] if re.fullmatch(r"\d{9,11}", seconds):
                newest[tool] = max(newest.get(tool, 0.0), float(seconds))
            case ["restored", seconds] if re.fullmatch(r"\d{9,11}", seconds):
                restored = float(seconds)
            case ["failed", unit]:
                failed.append(unit[:80])
            case ["scheduled", tool]:
                scheduled.append(tool[:40])
            case _:
                continue
    names = {process.executable.rpartition("/")[2] for process in table.processes}
    return Backups(
        runs=tuple(BackupRun(tool=tool, at=at) for tool, at in newest.items()),
        failed=tuple(dict.fromkeys(failed)),
        scheduled=tuple(dict.fromkeys(scheduled)),
        agents=tuple(name for name in AGENTS if name in names),
        restored=restored,
    )


def declared_day(declared: Declared, word: str) -> date | None:
    """A day of mail_backup in the inventory; None where it is not said, or is no date."""
    try:
        return date.fromisoformat(dict(declared.backup).get(word, "")[:10])
    except ValueError:
        return None
