"""The record of one fix: what was found, what ran, what was found again. Written as it happens."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from auditor.remedy.compare import Change
from auditor.remedy.plan import Plan
from auditor.remedy.run import Ran

SCHEMA = "auditor.fix/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A playbook that runs: hosts that it is done with, and the one whose turn it is. The others are not begun."""

    playbook: str
    hosts: list[str]
    done: list[str] = field(default_factory=list)
    at: str | None = None

    def __str__(self) -> str:
        rest = [host for host in self.hosts if host not in (*self.done, self.at)]
        done, begun = ", ".join(self.done) or "none", ", ".join(rest) or "none"
        return f"while {self.playbook} was at {self.at or 'no host yet'} (done: {done}; not begun: {begun})"


class Record:
    """One folder per fix, readable by its owner only. Every file is whole or absent, also after a crash."""

    def __init__(self, parent: Path, started: datetime) -> None:
        self.folder = parent / started.strftime("FIX-%Y%m%dT%H%M%SZ")
        self.folder.mkdir(mode=0o700, parents=True)
        self._ran: list[Ran] = []
        self._turn: _Turn | None = None
        self._commands: list[str] = []
        self._open: list[dict[str, object]] = []
        self._state: dict[str, object] = {
            "schema": SCHEMA,
            "started": started.isoformat(timespec="seconds"),
            "state": "planned",
            "runs": [],
        }

    def plan(self, plan: Plan, commands: Iterable[str]) -> None:
        """Before anything changes, and again for what the repair brought to light."""
        self._commands += commands
        self._open += [asdict(result) for step in plan.steps for result in step.closes]
        self._state |= {"commands": self._commands, "open": self._open}
        self._save("planned")

    def running(self, playbook: str, hosts: Iterable[str]) -> None:
        """Written before a playbook starts, so that a cut connection leaves a trace of where it was."""
        self._tell(_Turn(playbook=playbook, hosts=list(hosts)))

    def at(self, host: str) -> None:
        """The playbook's turn comes to this host; the one before it is done."""
        turn = self._turn
        if turn is not None:
            done = [*turn.done, *([turn.at] if turn.at else [])]
            self._tell(replace(turn, done=done, at=host))

    def ran(self, ran: Ran) -> None:
        """After each playbook."""
        self._ran.append(ran)
        self._state["runs"] = [_as_json(done) for done in self._ran]
        self._turn = None
        self._state.pop("running", None)
        self._save("running")

    def finished(self, changes: Iterable[Change], at: datetime) -> None:
        """After the second scan."""
        self._state["finished"] = at.isoformat(timespec="seconds")
        self._state["outcomes"] = [
            {
                "check": change.before.check,
                "subject": change.before.subject,
                "outcome": change.outcome.value,
                "summary": (change.after or change.before).summary,
            }
            for change in changes
        ]
        self._save("finished")

    def keep(self, name: str, text: str) -> None:
        """A file beside the record: the scans before and after."""
        temporary = self.folder / f".{name}.new"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / name)

    def _tell(self, turn: "_Turn") -> None:
        self._turn = turn
        self._state["running"] = asdict(turn)
        self._save("running")

    def _save(self, state: str) -> None:
        self._state["state"] = state
        self.keep("record.json", json.dumps(self._state, indent=2, ensure_ascii=False) + "\n")


def cut_off(parent: Path) -> str | None:
    """Where the newest fix of this folder was when it was cut off; None when it came to its end, or left no record."""
    newest = max(parent.glob("FIX-*/record.json"), default=None)
    try:
        state = json.loads(newest.read_text(encoding="utf-8")) if newest else {}
        if state.get("state") != "running":
            return None
        return (
            str(_Turn(**state["running"]))
            if "running" in state
            else "between two playbooks or before its last scan"
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _as_json(ran: Ran) -> Mapping[str, object]:
    return {
        "playbook": ran.playbook,
        "hosts": list(ran.hosts),
        "check_mode": ran.check_mode,
        "status": ran.status,
        "changed": dict(ran.changed),
        "ended": dict(ran.ended),
        "failures": list(ran.failures),
        "told": [asdict(told) for told in ran.told],
    }
