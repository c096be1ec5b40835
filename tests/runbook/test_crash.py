"""kill -9 at every boundary and in mid-step: what was destroyed once is not destroyed again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.runbook.proof import flaws
from auditor.runbook.state import Progress
from tests.runbook.fake_world import Site, runbook, step

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "kind: command\nrole: ops\n"
TEXT = runbook(
    step("copy", "kind: evidence\nrole: ops\nset: configuration"),
    step(
        "hold",
        COMMAND
        + "danger: reversible\ntemporary: 4h\nidempotent: true\ncapture: {before: line}\nverify:\n  - shell: true",
        ("capture", "echo before=$(cat setting)"),
        ("step", "echo HOLD > setting"),
        ("verify", "grep -q HOLD setting"),
        ("undo", "printf '%s\\n' {{ before }} > setting"),
    ),
    step(
        "purge",
        COMMAND
        + "danger: destructive\nneeds: [copy]\napprove: {role: ic}\npreview: queue-id\nverify:\n  - shell: true",
        ("preview", "cat queue"),
        ("step", "cat >> removed\necho one >> count"),
        ("verify", "test -e removed"),
    ),
    step(
        "free", "kind: undo\nrole: ops\nof: hold\nverify:\n  - shell: true", ("verify", "grep -q old setting")
    ),
)

FOLLOWER = """
import os, signal, sys
from pathlib import Path
from auditor.runbook.journal import Journal
from auditor.runbook.incident import Incident
from tests.runbook.fake_world import ANNA, Site, FakeWorld

at, moment = int(sys.argv[2]), sys.argv[3]
plain = Journal.append
count = 0

def append(self, *args, **kwargs):
    global count
    count += 1
    if count == at and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    entry = plain(self, *args, **kwargs)
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return entry

site = Site.again(Path(sys.argv[1]))
Journal.append = append
site.run_all()
print(count)
"""


def follow(tmp_path, at, moment):
    return subprocess.run(
        [sys.executable, "-c", FOLLOWER, str(tmp_path), str(at), moment],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def new_site(tmp_path):
    site = Site(tmp_path, TEXT)
    (site.host / "setting").write_text("old\n")
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    return site


def boundaries():
    """19 entries are written from the first step to the last, which the test below holds against a whole run."""
    return [(at, moment) for at in range(1, 20) for moment in ("before", "after")]


def test_the_run_without_a_crash_writes_as_many_entries_as_the_others_are_killed_at(tmp_path):
    new_site(tmp_path)
    ran = follow(tmp_path, 10_000, "before")
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) == boundaries()[-1][0]


@pytest.mark.parametrize(("at", "moment"), boundaries())
def test_killed_at_a_boundary_and_resumed_nothing_is_destroyed_twice(tmp_path, at, moment):
    site = new_site(tmp_path)
    killed = follow(tmp_path, at, moment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    site.answers["purge"] = {"resume": "not-done"}
    assert site.run_all()[-1:] in ([("free", Progress.OK)], [])
    assert (site.host / "count").read_text() == "one\n"
    assert (site.host / "removed").read_text() == "3F2A1B4C5D\n"
    assert (site.host / "setting").read_text() == "old\n"
    assert flaws(site.folder) == []
    assert not site.state.temporaries


@pytest.mark.parametrize("place", ["hold", "purge"])
def test_killed_in_the_middle_of_a_command(tmp_path, place):
    victim = "echo HOLD > setting" if place == "hold" else "echo one >> count"
    # The command's grandparent is the follower: timeout(1) stands between them.
    text = TEXT.replace(
        victim, f"{victim}\nif [ -e fuse ]; then rm fuse; kill -9 $(ps -o ppid= -p $PPID); fi"
    )
    site = Site(tmp_path, text)
    (site.host / "setting").write_text("old\n")
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    (site.host / "fuse").touch()
    killed = follow(tmp_path, 10_000, "before")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (site.host / "fuse").exists()
    site.answers["purge"] = {"resume": "unknown"}
    assert site.run_all()[-1] == ("free", Progress.OK)
    assert (site.host / "count").read_text() == "one\n"
    assert (site.host / "setting").read_text() == "old\n"


def test_when_nobody_knows_and_nothing_tells_it_stays_unknown_and_is_not_repeated(tmp_path):
    text = TEXT.replace("test -e removed", "exit 7")
    site = Site(tmp_path, text, {"purge": {"resume": "unknown"}})
    (site.host / "setting").write_text("old\n")
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    plain = site.world.remote.run

    def cut(program, **kwargs):
        ran = plain(program, **kwargs)
        if "echo one >> count" in program.text:
            site.world.remote.broken = True
            plain(program, **kwargs)
        return ran

    site.world.remote.run = cut
    assert site.run_all()[-1] == ("purge", Progress.UNKNOWN)
    site.world.remote.broken = False
    for _ in range(3):
        assert site.next() == ("purge", Progress.UNKNOWN)
    assert (site.host / "count").read_text() == "one\n"
