"""Inside one host over one SSH connection, beside `ansible -m setup` on the same host in the same run.

python -m pytest -m bench tests/bench/bench_inside.py -s
"""

import os
import sys
import time
from pathlib import Path

import pytest

from tests.lab.admin import REPOSITORY, Admin
from tests.lab.fixtures import MailHosts
from tests.lab.laboratory import Lab

BOUND = 2.0
"""Seconds for everything inside (design, section 10)."""
ROUNDS = 3


@pytest.mark.bench
@pytest.mark.lab
def test_inside_is_faster_than_gathering_facts(lab: Lab, mail_host: MailHosts, tmp_path: Path):
    host = mail_host("bookworm", "postfix")
    admin = Admin(lab=lab, folder=tmp_path)
    inventory = str(admin.inventory(host))

    folder = (
        tmp_path / ".ssh"
    )  # HOME of the commands; without an inventory, whose reading is Ansible's own time
    folder.mkdir()
    (folder / "known_hosts").write_text(
        Path(host.ssh.known_hosts).read_text(encoding="utf-8"), encoding="utf-8"
    )
    (folder / "config").write_text(f"Host {host.v4}\n IdentityFile {host.ssh.key}\n", encoding="utf-8")

    # Installed programs, Ansible among them, have their bytecode; ours is made in the first round.
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path), "NO_COLOR": "1"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode")}

    def seconds(command: list[str]) -> float:
        """The best of a few, for the machine is shared."""
        taken = []
        for _ in range(ROUNDS):
            started = time.monotonic()
            done = admin._run(command, env=environment)
            taken.append(time.monotonic() - started)
            assert done.returncode in {0, 1, 3}, done.stderr
        return min(taken)

    families = [w for f in ("supervision", "mta", "queue", "host", "logging") for w in ("--only", f)]
    words = [*families, "--skip", "mail-log-written", "--nameserver", "192.0.2.10"]
    ours = seconds(
        [
            sys.executable,
            "-m",
            "auditor",
            "scan",
            host.v4,
            "--ssh",
            f"root@{host.v4}",
            "--inside-only",
            *words,
        ]
    )
    facts = seconds([str(Path(sys.executable).parent / "ansible"), host.name, "-i", inventory, "-m", "setup"])
    bare = seconds(host.ssh.argv("root", ["true"]))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        f"inside {ours:.2f} s, ansible -m setup {facts:.2f} s ({ours / facts:.2f} times as long), ssh true {bare:.2f} s ({ours / bare:.1f} times as long)"
    )
    assert ours <= BOUND
    assert ours < facts
