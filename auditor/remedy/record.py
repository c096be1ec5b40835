"""The record of one fix: what was found, what ran, what was found again. Written as it happens."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from auditor.remedy.compare import Change
from auditor.remedy.plan import Plan
from auditor.remedy.run import Ran

SCHEMA = "auditor.fix/1"


class Record:
    """One folder per fix, readable by its owner only. Every file is whole or absent, also after a crash."""

    def __init__(self, parent: Path, started: datetime) -> None:
        self.folder = parent / started.strftime("FIX-%Y%m%dT%H%M%SZ")
        self.folder.mkdir(mode=0o700, parents=True)
        self._ran: list[Ran] = []
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
        self._state["running"] = {"playbook": playbook, "hosts": list(hosts)}
        self._save("running")

    def ran(self, ran: Ran) -> None:
        """After each playbook."""
        self._ran.append(ran)
        self._state["runs"] = [_as_json(done) for done in self._ran]
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

    def _save(self, state: str) -> None:
        self._state["state"] = state
        self.keep("record.json", json.dumps(self._state, indent=2, ensure_ascii=False) + "\n")


def _as_json(ran: Ran) -> Mapping[str, object]:
    return {
        "playbook": ran.playbook,
        "hosts": list(ran.hosts),
        "check_mode": ran.check_mode,
        "status": ran.status,
        "changed": dict(ran.changed),
        "failures": list(ran.failures),
    }
