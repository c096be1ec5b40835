"""kill -9 at every boundary and in mid-step: what was destroyed once is not destroyed again."""

import os
import signal

import pytest

from auditor.runbook.journal import Journal
from auditor.runbook.proof import flaws
from auditor.runbook.state import Progress
from tests.runbook.fake_world import Site, runbook, step

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


class KilledAt:
    """Kills its own process with SIGKILL before or after it writes the journal's nth entry from now."""

    def __init__(self, at, moment):
        self.at, self.moment, self.count = at, moment, 0
        self.plain = Journal.append

    def __call__(self, journal, *args, **kwargs):
        self.count += 1
        if self.count == self.at and self.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        entry = self.plain(journal, *args, **kwargs)
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return entry


def follow(tmp_path, at, moment):
    """Follow the runbook in a process of its own; gives the signal that ended it, or the entries it wrote."""
    child = os.fork()
    if child == 0:
        killer = KilledAt(at, moment)
        # A lambda, because only a function is bound to the journal when it is looked up.
        Journal.append = lambda *args, **kwargs: killer(*args, **kwargs)  # noqa: PLW0108 - see above
        try:
            Site.again(tmp_path).run_all()
        finally:
            os._exit(killer.count)
    _pid, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def new_site(tmp_path):
    site = Site(tmp_path, TEXT)
    (site.host / "setting").write_text("old\n")
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    return site


def boundaries():
    """20 entries are written from the first step to the last, which the test below holds against a whole run."""
    return [(at, moment) for at in range(1, 21) for moment in ("before", "after")]


def test_the_run_without_a_crash_writes_as_many_entries_as_the_others_are_killed_at(tmp_path):
    new_site(tmp_path)
    assert follow(tmp_path, 10_000, "before") == boundaries()[-1][0]


@pytest.mark.parametrize(("at", "moment"), boundaries())
def test_killed_at_a_boundary_and_resumed_nothing_is_destroyed_twice(tmp_path, at, moment):
    site = new_site(tmp_path)
    assert follow(tmp_path, at, moment) == -signal.SIGKILL
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
    assert follow(tmp_path, 10_000, "before") == -signal.SIGKILL
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
