"""The real world of an incident: one host over SSH, playbooks through ansible-playbook, scans by our own scanner."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from auditor import data
from auditor.model import SshTarget
from auditor.runbook import probes, queues
from auditor.runbook.clock import Clock, SystemClock
from auditor.runbook.scene import Scene
from auditor.runbook.state import State
from auditor.runbook.values import NotThatType
from auditor.runbook.world import Measured, Outcome, Played
from auditor.transport.dial import NoDialogue
from auditor.transport.remote import CannotReach, Remote, SshRemote

_PLAY_SECONDS: Final = 1800
_SCAN_SECONDS: Final = 300
_MOST_OUTPUT: Final = 400_000
_RECAP: Final = re.compile(
    r"^\S+\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE
)
_REFUSAL: Final = re.compile(r'^fatal: .*"msg": ("Refused: (?:[^"\\]|\\.)*")', re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class Site:
    """Implements auditor.runbook.world.World."""

    host: str
    target: SshTarget
    folder: Path
    """The incident's directory."""
    inventory: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    remote: Remote = field(init=False)

    def __post_init__(self) -> None:
        self.remote = SshRemote(self.target)

    def queue(self, state: State) -> Measured | None:
        """See World."""
        try:
            return queues.measure(self.remote, state)
        except CannotReach:
            return None

    def probe(self, name: str, args: Mapping[str, str], state: State, before: Measured | None) -> Outcome:
        """See World."""
        scene = Scene(
            args=args, address=self.target.host, remote=self.remote, fresh=lambda: SshRemote(self.target), state=state,
            folder=self.folder, before=before, now=self.queue(state) if name.startswith("queue.") else None,
        )  # fmt: skip
        try:
            return probes.PROBES[name](scene)
        except (CannotReach, NotThatType, NoDialogue) as error:
            return Outcome.unknown(str(error))

    def scan(self, checks: Sequence[str], state: State) -> Mapping[str, Outcome]:  # noqa: ARG002 - World's signature
        """See World. A process of its own, so that a bug of the scanner is unknown here and not the end of us."""
        report = self._report(checks)
        return {
            check: report if isinstance(report, Outcome) else verdict(report, check, self.host)
            for check in checks
        }

    def _report(self, checks: Sequence[str]) -> Mapping[str, Any] | Outcome:
        """The scan as JSON, or why there is none."""
        only = [word for check in checks for word in ("--only", check)]
        with tempfile.TemporaryDirectory(prefix="auditor-") as private:
            inventory = self.inventory or _inventory(Path(private), self.host, self.target)
            argv = [sys.executable, "-m", "auditor", "scan", self.host, "-i", str(inventory)]
            try:
                ran = subprocess.run(
                    [*argv, *only, "--format", "json"],
                    capture_output=True,
                    check=False,
                    timeout=_SCAN_SECONDS,
                )
            except (subprocess.TimeoutExpired, OSError) as error:
                return Outcome.unknown(f"the scan did not end ({type(error).__name__})")
        try:
            report: Mapping[str, Any] = json.loads(ran.stdout)
        except ValueError:
            said = ran.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
            return Outcome.unknown(
                f"the scan gave no report: {said[-1][:200] if said else f'exit {ran.returncode}'}"
            )
        return report

    def play(self, playbook: str, extra: Mapping[str, str | int | bool], *, check_mode: bool) -> Played:
        """See World."""
        folder = data.directory("playbooks")
        path = folder / f"{playbook.removesuffix('.yml')}.yml"
        if not path.is_file():
            return Played(good=False, changed=0, output=f"there is no playbook {path.name}")
        with tempfile.TemporaryDirectory(prefix="auditor-") as private:
            inventory = self.inventory or _inventory(Path(private), self.host, self.target)
            told = Path(private) / "extra.json"
            told.write_text(json.dumps(dict(extra)), "utf-8")
            beside = Path(sys.executable).parent
            program = beside / "ansible-playbook"
            argv = [
                str(program if program.exists() else "ansible-playbook"),
                "-i",
                str(inventory.resolve()),
                "-l",
                self.host,
            ]
            argv += ["-e", f"@{told}", "--diff", *(["--check"] if check_mode else []), str(path.resolve())]
            environment = {
                **os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_STDOUT_CALLBACK": "default",
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "LC_ALL": "C.UTF-8",
                "PATH": os.pathsep.join((str(beside), os.environ.get("PATH", os.defpath))),
            }  # fmt: skip
            if (folder / "ansible.cfg").is_file():
                environment["ANSIBLE_CONFIG"] = str((folder / "ansible.cfg").resolve())
            return _play(argv, environment, folder)

    def sleep(self, seconds: float) -> None:
        """See World."""
        time.sleep(seconds)


def _play(argv: list[str], environment: Mapping[str, str], folder: Path) -> Played:
    try:
        ran = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            timeout=_PLAY_SECONDS,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return Played(good=False, changed=0, output=f"ansible-playbook did not end: {error}")
    output = (ran.stdout + ran.stderr)[-_MOST_OUTPUT:].decode("utf-8", "backslashreplace")
    recaps = [[int(number) for number in found] for found in _RECAP.findall(output)]
    # No recap means that no host was matched: that nothing was done is no success.
    good = ran.returncode == 0 and bool(recaps)
    changed = sum(number for number, _, _ in recaps)
    refusal = _REFUSAL.search(output) if not good else None
    return Played(
        good=good, changed=changed, output=output, refused=json.loads(refusal[1]) if refusal else ""
    )


def verdict(report: Mapping[str, Any], check: str, host: str) -> Outcome:
    """What a scan report says of one check: passed is ok, failed is failed, everything else is unknown."""
    findings = [
        finding
        for target in report.get("targets", [])
        for finding in target.get("findings", [])
        if finding.get("check") == check
    ]
    about = [finding for finding in findings if finding.get("subject") == host] or findings
    states = {str(finding.get("status")) for finding in about}
    told = "; ".join(str(finding.get("summary", "")) for finding in about)[:200]
    if "failed" in states:
        return Outcome.failed(told)
    if states and states <= {"passed", "not-applicable"}:
        return Outcome.ok(told)
    return Outcome.unknown(told or f"the scan says nothing of {check}")


def _inventory(folder: Path, host: str, target: SshTarget) -> Path:
    """An inventory of this one host, for an incident that was opened without one."""
    said: dict[str, object] = {"ansible_host": target.host, "ansible_port": target.port}
    if target.user:
        said["ansible_user"] = target.user
    if target.key_file:
        said["ansible_ssh_private_key_file"] = str(Path(target.key_file).resolve())
    if target.known_hosts:
        said["ansible_ssh_common_args"] = f"-o UserKnownHostsFile={Path(target.known_hosts).resolve()}"
    if target.become:
        said["ansible_become"] = True
    path = folder / "inventory.json"  # Ansible's YAML plugin reads JSON too
    path.write_text(json.dumps({"mail_hosts": {"hosts": {host: said}}}), "utf-8")
    return path
