"""A disk that is really full, at every byte where it can be: nothing was done, nothing is corrupt, and it goes on with room."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRELUDE = """
import os, sys
from pathlib import Path
from auditor.runbook.incident import Spool
from auditor.runbook.journal import Unwritable
from auditor.runbook.proof import anchors_beside, flaws
from auditor.runbook.state import Progress
from tests.runbook.fake_world import Site, runbook, step

disk = Path(sys.argv[1])
def fill(leave):
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            file.truncate(max(0, file.tell() - leave))
def note(site, size):
    with site.incident() as incident:
        incident.record("note", data={"kind": "note", "text": "x" * size})
def sound(site):
    assert flaws(site.folder, anchors_beside(site.folder)) == [], flaws(site.folder)
COMMAND = "kind: command\\nrole: ops\\nverify:\\n  - shell: true"
"""


@functools.cache
def why_not() -> str:
    if shutil.which("unshare") is None:
        return "unshare (util-linux) is not installed"
    tried = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return "" if tried.returncode == 0 else f"no mount namespace here: {tried.stderr.decode().strip()}"


def on_a_small_disk(tmp_path, story):
    """Run a story on a file system of 256 KiB of its own, which vanishes with the process."""
    if why_not():
        pytest.skip(why_not())
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = 'mount -t tmpfs -o size=256k none "$1" && exec "$2" -c "$3" "$1"'
    argv = ["unshare", "-rm", "sh", "-c", mounted, "sh", str(disk), sys.executable, PRELUDE + story]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_journal_that_runs_into_the_end_of_the_disk_stays_whole_wherever_the_end_is(tmp_path):
    """Entries of many lengths, so that the disk ends at their first byte, in their midst and at their last."""
    said = on_a_small_disk(
        tmp_path,
        """
site = Site(disk, runbook(step("one", COMMAND, ("step", "true"), ("verify", "true"))))
refused = 0
for size in range(0, 4000, 311):
    fill(leave=4096)
    before = len(site.kinds)
    for _ in range(200):
        try:
            note(site, size)
        except Unwritable as error:
            assert "cannot be written (No space left on device)" in str(error), error
            refused += 1
            break
    else:
        raise AssertionError("the disk was never full")
    sound(site)
    assert site.kinds[before:] == ["note"] * (len(site.kinds) - before)
    (disk / "filler").unlink()
    note(site, 1)
    sound(site)
print(refused)
""",
    )
    assert said == "13\n"


def test_no_step_begins_on_a_full_disk_and_all_of_them_are_done_when_there_is_room(tmp_path):
    on_a_small_disk(
        tmp_path,
        """
steps = [step(name, COMMAND, ("step", f"echo {name} >> done"), ("verify", "true")) for name in ("one", "two", "three")]
site = Site(disk, runbook(*steps))
assert site.next() == ("one", Progress.OK)
fill(leave=0)
while True:  # what is left of the journal's last block
    try:
        note(site, 200)
    except Unwritable:
        break
acted = (site.host / "done").read_text()
for _ in range(3):
    try:
        site.next()
    except Unwritable as error:
        assert "written" in str(error)
    else:
        raise AssertionError("a step was done that nobody could write down")
assert (site.host / "done").read_text() == acted == "one\\n"
sound(site)
(disk / "filler").unlink()
assert site.run_all() == [("two", Progress.OK), ("three", Progress.OK)]
assert (site.host / "done").read_text() == "one\\ntwo\\nthree\\n"
sound(site)
""",
    )


def test_evidence_that_finds_no_room_is_no_evidence_and_is_taken_again(tmp_path):
    on_a_small_disk(
        tmp_path,
        """
site = Site(disk, runbook(step("copy", "kind: evidence\\nrole: ops\\nset: configuration")))
world = site.world.remote
class Large:
    def run(self, program, *, limit=0, sink=None):
        ran = world.run(program, limit=limit)
        if sink is not None:
            sink(bytes(20_000))
        return ran
    def close(self):
        pass
site.world.remote = Large()
fill(leave=15_000)
try:
    site.next()
except Unwritable as error:
    assert "No space left" in str(error)
else:
    raise AssertionError("there was no room")
sound(site)
(disk / "filler").unlink()
assert site.next() == ("copy", Progress.OK)
sound(site)
with site.incident() as incident:
    taken = [entry.files[0].n for entry in incident.journal.entries if entry.kind == "evidence"]
assert taken
assert min(taken) >= 20_000
""",
    )
