"""The real world of an incident: one host over SSH, playbooks through ansible-playbook, scans by our own scanner."""

import json
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
from auditor.runbook import playing, probes, queues
from auditor.runbook.clock import Clock, SystemClock
from auditor.runbook.scene import Scene
from auditor.runbook.state import State
from auditor.runbook.values import NotThatType
from auditor.runbook.world import Measured, Outcome, Played
from auditor.transport.dial import NoDialogue
from auditor.transport.remote import CannotReach, Remote, SshRemote

_SCAN_SECONDS: Final = 300


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

    def play(
        self, playbook: str, extra: Mapping[str, str | int | bool], *, check_mode: bool, limit: float
    ) -> Played:
        """See World."""
        path = data.directory("playbooks") / f"{playbook.removesuffix('.yml')}.yml"
        if not path.is_file():
            return Played(good=False, changed=0, output=f"there is no playbook {path.name}")
        with tempfile.TemporaryDirectory(prefix="auditor-") as private:
            inventory = self.inventory or _inventory(Path(private), self.host, self.target)
            told = Path(private) / "extra.json"
            told.write_text(json.dumps(dict(extra)), "utf-8")
            words = ["-i", str(inventory.resolve()), "-l", self.host, "-e", f"@{told}"]
            return playing.play(path, [*words, *(["--check"] if check_mode else [])], limit)

    def sleep(self, seconds: float) -> None:
        """See World."""
        time.sleep(seconds)


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
