"""`auditor fix` that is cut in the middle: its record says where, the host is whole, and the next one finishes the work."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.admin import OUTSIDE, REPOSITORY, Admin
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.test_faults import PENDING
from tests.lab.watching import serves, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
SESSIONS = "for p in $(pgrep -P $(systemctl show -p MainPID --value ssh)); do kill -9 $p; done"
UNTIL_A_CHANGE = f"n=0; until [ -e {PENDING} ]; do sleep 0.02; n=$((n+1)); [ $n -lt 6000 ] || exit 1; done"


@dataclass(kw_only=True)
class Repair:
    """`auditor fix` of one weak host, whose relay and role mailboxes are to be mended."""

    host: Host
    admin: Admin

    @property
    def argv(self) -> list[str]:
        families = ("--only", "relay", "--only", "roles")
        words = [self.host.name, "-i", "hosts.yml", *OUTSIDE, *families, "--yes"]
        return [sys.executable, "-m", "auditor", "fix", *words]

    def cut(self, how: Callable[[int], object]) -> tuple[int, dict[str, Any]]:
        """Start it, do `how` (with its process id) while it changes the host; exit code and record."""
        folder = self.admin.folder
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "HOME": str(folder)}
        options = {"cwd": folder, "env": environment}
        with (
            (folder / "said").open("wb") as said,
            self.admin.lab.vantage.popen(self.argv, stdout=said, stderr=said, **options) as running,
        ):
            try:
                self.host.run(UNTIL_A_CHANGE, check=True, timeout=180)
                how(running.pid)
                code = running.wait(180)
            finally:
                running.kill()
        return code, self.record()

    def record(self) -> dict[str, Any]:
        """The newest one."""
        newest = max((self.admin.folder / "fixes").glob("FIX-*/record.json"))
        told: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
        return told

    def whole(self) -> bool:
        """Nothing is under way, nothing half-written is left, and mail is taken."""
        wait_for(
            lambda: self.host.run(["test", "-e", PENDING]).returncode, "the end of the change", seconds=90
        )
        return not self.host.sh("find /etc -name '.*.auditor*'") and serves(
            self.admin.lab, self.host, "admin"
        )


@pytest.fixture
def repair(lab: Lab, tmp_path: Path) -> Iterator[Repair]:
    address = {"v4": "198.51.100.215", "v6": "2001:db8:100::215"}
    host = lab.host("mx1.cut.example", release="trixie", mta="postfix", profile="weak", **address)
    admin = Admin(lab=lab, folder=tmp_path)
    admin.inventory(host, mail_contacts={"owner": {"name": "Anna", "mail": "anna@vantage.example"}})
    yield Repair(host=host, admin=admin)
    lab.drop(host)


def test_a_fix_that_lost_its_connection_or_its_life_says_where_and_the_next_one_finishes(repair: Repair):
    host = repair.host
    code, record = repair.cut(lambda _pid: host.sh(SESSIONS))
    assert code == 1
    assert record["state"] == "finished"
    [only] = record["runs"]
    assert only["ended"] == {host.name: "cut off"}, "and no playbook is run after it"
    assert {"check": "relay-closed", "subject": host.name, "outcome": "still open"}.items() <= next(
        outcome.items() for outcome in record["outcomes"] if outcome["check"] == "relay-closed"
    )
    assert repair.whole()

    code, record = repair.cut(lambda pid: os.kill(pid, 9))
    assert code == -9
    assert record["state"] == "running"
    assert record["running"]["at"] == host.name
    assert repair.whole()

    done = repair.admin.auditor(*repair.argv[3:])
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    playbook = record["running"]["playbook"]
    assert f"the fix before this one was cut off while {playbook} was at {host.name}" in done.stderr
    record = repair.record()
    assert {"relay-closed"} <= {outcome["check"] for outcome in record["outcomes"]}
    assert {outcome["outcome"] for outcome in record["outcomes"]} == {"closed"}
    assert {end for ran in record["runs"] for end in ran["ended"].values()} == {"done"}
    assert repair.whole()
