"""The administrator at the vantage: an inventory of lab hosts, auditor's commands and plain ansible-playbook."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import Station

REPOSITORY = Path(__file__).parents[2]
COMMAND_SECONDS = 600
OUTSIDE = ("--helo", "vantage.example")
"""The vantage by its name in the lab's DNS, so that no server refuses us for an unknown sender domain."""


def ansible_variables(host: Host, user: str = "root") -> dict[str, Any]:
    """How Ansible and auditor reach a lab host, with its true host key."""
    return {
        "ansible_host": host.ssh.address,
        "ansible_port": host.ssh.port,
        "ansible_user": user,
        "ansible_become": user != "root",
        "ansible_ssh_private_key_file": str(host.ssh.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={host.ssh.known_hosts} -o StrictHostKeyChecking=yes",
    }


@dataclass(frozen=True, kw_only=True)
class Admin:
    """Works in a folder of their own, from outside of the hosts' networks."""

    lab: Lab
    folder: Path
    at: Station | None = None
    """Where, when not at the vantage."""

    def inventory(self, *hosts: Host, user: str = "root", **variables: Any) -> Path:
        """Write hosts.yml; variables hold for all of them, mail_domains defaults to each host's own."""
        members = {
            host.name: {"mail_domains": [host.domain]} | ansible_variables(host, user) | variables
            for host in hosts
        }
        path = self.folder / "hosts.yml"
        path.write_text(yaml.safe_dump({"mail_hosts": {"hosts": members}}), encoding="utf-8")
        return path

    def auditor(self, *words: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of auditor; its output is captured, its exit code left to the test."""
        return self._run([sys.executable, "-m", "auditor", *words], **kwargs)

    def scan(self, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Findings of one scan by (check, subject). Whatever the verdicts, the scan itself must have worked."""
        done = self.auditor("scan", *words, *OUTSIDE, "--format", "json")
        assert done.returncode in (0, 1, 3), done.stderr
        report = json.loads(done.stdout)
        return {(f["check"], f["subject"]): f for target in report["targets"] for f in target["findings"]}

    def playbook(self, name: str, *words: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """ansible-playbook as the report prints it."""
        return self.playbooks([name], *words, **kwargs)

    def playbooks(self, names: Iterable[str], *words: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """Several playbooks in one run, in this order."""
        files = [str(REPOSITORY / "playbooks" / f"{name}.yml") for name in names]
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "hosts.yml"]
        return self._run([*command, *files, *words], **kwargs)

    def _run(self, argv: Sequence[str], **kwargs: Any) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "HOME": str(self.folder)}
        options = {"cwd": self.folder, "env": environment, "timeout": COMMAND_SECONDS} | kwargs
        return self.lab.exec(argv, at=self.at, **options)
