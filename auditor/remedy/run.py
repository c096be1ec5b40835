"""One step of a plan through ansible-runner: live progress out, a small result back."""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.remedy.plan import Step

ENVIRONMENT = {
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_RETRY_FILES_ENABLED": "0",
    "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "0",
}
MAX_MESSAGE = 500
"""Characters of a failure that are kept; the rest is in Ansible's own output."""
MAX_LINES = 500
"""Lines of one message to a person that are kept, each of MAX_LINE characters: a DKIM record is one line."""
MAX_LINE = 2000
TELLS = ("ansible.builtin.debug", "debug")
"""What our playbooks tell a person, they tell by this: records to publish, a line for the keeper of the backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a playbook cannot do itself, in words for a person. Without secrets: those tasks are no_log."""

    host: str
    task: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How one run of one playbook ended."""

    playbook: str
    hosts: tuple[str, ...]
    check_mode: bool
    status: str
    """ansible-runner's word: successful, failed, timeout, canceled."""
    changed: Mapping[str, int]
    """Host -> number of tasks that changed something (or would have, in check mode)."""
    ended: Mapping[str, str] = field(default_factory=dict)
    """Host -> where it was left: done, failed, cut off, not begun."""
    failures: tuple[str, ...] = ()
    """Host and message of each task that failed and was not rescued."""
    told: tuple[Told, ...] = ()

    finished: bool = True
    """Ansible itself told how it ended; False after a lost connection or a killed process."""

    @property
    def good(self) -> bool:
        """Every host came to the end of the play."""
        return self.status == "successful"


class _Listener:
    """Folds Ansible's events into what the record needs."""

    def __init__(self, say: Callable[[str], None], at: Callable[[str], None]) -> None:
        self._say, self._at = say, at
        self.begun: list[str] = []
        self.stats: Mapping[str, Any] = {}
        self.last = ""
        self.finished = False
        self.unreachable = False
        self.failures: list[str] = []
        self.told: list[Told] = []
        self.changed: dict[str, int] = {}

    def event(self, event: Mapping[str, Any]) -> bool:
        """Called by ansible-runner for each event; False keeps it off the disk."""
        if text := event.get("stdout"):
            self.last = str(text)
            self._say(self.last)
        data = event.get("event_data") or {}
        match event.get("event"):
            case "runner_on_start" if (host := str(data.get("host"))) not in self.begun:
                self.begun.append(host)
                self._at(host)
            case "runner_on_ok" if data.get("task_action") in TELLS and (told := _told(data)):
                self.told.append(told)
            case "runner_on_failed" if not data.get("ignore_errors"):
                self.failures.append(_failure(data))
            case "runner_on_unreachable":
                self.unreachable = True
                self.failures.append(_failure(data))
            case "playbook_on_stats":
                self.finished = True
                self.stats = data
                self.changed.update(data.get("changed") or {})
        return False

    def ended(self, host: str) -> str:
        """How far the playbook came with this host, which it takes one after the other."""
        if host not in self.begun:
            return "not begun"
        if host in (self.stats.get("dark") or {}):
            return "cut off"
        if host in (self.stats.get("failures") or {}):
            return "failed"
        return "done" if self.finished or host != self.begun[-1] else "cut off"


def _environment(config: Path) -> dict[str, str]:
    """Ansible's own commands are beside our interpreter, which need not be on the admin's PATH."""
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join((beside, os.environ.get("PATH", os.defpath)))
    environment = ENVIRONMENT | {"PATH": path}
    return environment | ({"ANSIBLE_CONFIG": str(config.resolve())} if config.is_file() else {})


def _failure(data: Mapping[str, Any]) -> str:
    result = data.get("res") or {}
    message = result.get("msg") or result.get("stderr") or "failed without a message"
    if not isinstance(message, str):
        message = repr(message)
    task = str(data.get("task", "?"))
    what = f"{task.rpartition(' | ')[2]}: "  # our own modules begin with it
    return f"{data.get('host', '?')}: {task}: {message.removeprefix(what)}"[:MAX_MESSAGE]


def _told(data: Mapping[str, Any]) -> Told | None:
    message = (data.get("res") or {}).get("msg")
    texts = message if isinstance(message, list) else [message]
    lines = [line[:MAX_LINE] for text in texts if isinstance(text, str) for line in text.splitlines()]
    if not lines:
        return None
    return Told(host=str(data.get("host")), task=str(data.get("task")), lines=tuple(lines[:MAX_LINES]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs steps with one inventory and one folder of playbooks."""

    inventory: Path
    folder: Path
    say: Callable[[str], None]
    """Gets Ansible's own output, a piece at a time; it is text from the target and must be escaped when shown."""
    timeout: int = 1800
    """Seconds for one playbook."""

    def run(self, step: Step, *, check_mode: bool, at: Callable[[str], None] = lambda _host: None) -> Ran:
        """Run the playbook of a step on its hosts, limited to its tags; `at` is told each host as its turn comes.

        Ansible-runner's own files go to a private temporary folder that is removed: they hold diffs of
        configuration files, and the record of the run is ours to keep short.
        """
        import ansible_runner  # noqa: PLC0415 - 300 ms that only a repair needs

        listener = _Listener(self.say, at)
        config = self.folder / "ansible.cfg"
        with tempfile.TemporaryDirectory(prefix="auditor-fix-") as private:
            runner = ansible_runner.run(
                private_data_dir=private,
                project_dir=str(self.folder.resolve()),
                playbook=f"{step.playbook}.yml",
                inventory=str(self.inventory.resolve()),
                limit=",".join(step.hosts),
                tags=",".join(step.tags),
                extravars=dict(step.derived),
                cmdline="--check --diff" if check_mode else "--diff",
                envvars=_environment(config),
                event_handler=listener.event,
                quiet=True,
                timeout=self.timeout,
            )
        return Ran(
            playbook=step.playbook,
            hosts=step.hosts,
            check_mode=check_mode,
            status=str(runner.status),
            changed=listener.changed,
            ended={host: listener.ended(host) for host in step.hosts},
            finished=listener.finished and not listener.unreachable,
            told=tuple(listener.told),
            failures=tuple(listener.failures) or (() if runner.rc == 0 else (listener.last[:MAX_MESSAGE],)),
        )
