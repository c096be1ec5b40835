"""kill -9 at every boundary and in mid-step: what was destroyed once is not destroyed again."""

import os
import signal

import pytest

from auditor.runbook.journal import Journal
from auditor.runbook.proof import flaws
from auditor.runbook.state import Progress
from auditor.runbook.world import Played
from tests.runbook.fake_world import EVERYTHING, FakeWorld, Site, runbook, step

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
        "close",
        "kind: ansible\nrole: ops\nplay: close-relay\nverify:\n  - shell: true",
        ("verify", "test -e closed"),
    ),
    step(
        "scope",
        "kind: decision\nrole: ic\nquestion: How many?\noptions:\n  few: {next: true}\n  many: {goto: free}",
    ),
    step("tell", "kind: comms\nrole: comms\ntemplate: COM-1\nchannel: telephone"),
    step(
        "free", "kind: undo\nrole: ops\nof: hold\nverify:\n  - shell: true", ("verify", "grep -q old setting")
    ),
)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    """Kill -9 ends a process, and not the machine: what was written stays in the page cache."""
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)


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


def follow(tmp_path, at, moment, spoil=lambda _site: None):
    """Follow the runbook in a process of its own; gives the signal that ended it, or the entries it wrote."""
    child = os.fork()
    if child == 0:
        killer = KilledAt(at, moment)
        # A lambda, because only a function is bound to the journal when it is looked up.
        Journal.append = lambda *args, **kwargs: killer(*args, **kwargs)  # noqa: PLW0108 - see above
        try:
            site = again(tmp_path)
            spoil(site)
            site.run_all()
        finally:
            os._exit(killer.count)
    _pid, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class Playing(FakeWorld):
    """A world whose playbook leaves a mark on the host, and one for each time that it ran."""

    def play(self, playbook, extra, *, check_mode, limit):
        closed = self.remote.folder / "closed"
        if not check_mode:
            with (self.remote.folder / "played").open("a", encoding="ascii") as file:
                file.write("once\n")
            closed.touch()
        return Played(good=True, changed=0 if closed.exists() else 1, output="ok")


ANSWERS = {**EVERYTHING, "scope": {"choose": "few"}}


def again(tmp_path):
    """The same site, as the next process finds it."""
    site = Site.again(tmp_path)
    site.world, site.answers = Playing(site.host), dict(ANSWERS)
    return site


def new_site(tmp_path, text=TEXT):
    site = Site(tmp_path, text, ANSWERS, Playing(tmp_path / "host"))
    (site.host / "setting").write_text("old\n")
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    return site


def boundaries():
    """29 entries are written from the first step to the last, which the test below holds against a whole run."""
    return [(at, moment) for at in range(1, 30) for moment in ("before", "after")]


def test_the_run_without_a_crash_writes_as_many_entries_as_the_others_are_killed_at(tmp_path):
    new_site(tmp_path)
    assert follow(tmp_path, 10_000, "before") == boundaries()[-1][0]


@pytest.mark.parametrize(("at", "moment"), boundaries())
def test_killed_at_a_boundary_and_resumed_nothing_is_destroyed_twice(tmp_path, at, moment):
    site = new_site(tmp_path)
    assert follow(tmp_path, at, moment) == -signal.SIGKILL
    site = again(tmp_path)
    site.answers["purge"] = {"resume": "not-done"}
    assert site.run_all()[-1:] in ([("free", Progress.OK)], [])
    assert (site.host / "count").read_text() == "one\n"
    assert (site.host / "removed").read_text() == "3F2A1B4C5D\n"
    assert (site.host / "setting").read_text() == "old\n"
    assert flaws(site.folder) == []
    assert not site.state.temporaries
    assert site.kinds.count("decision") == site.kinds.count("comms") == 1, "nobody is asked twice"


@pytest.mark.parametrize("place", ["hold", "purge"])
def test_killed_in_the_middle_of_a_command(tmp_path, place):
    victim = "echo HOLD > setting" if place == "hold" else "echo one >> count"
    # The command's grandparent is the follower: timeout(1) stands between them.
    text = TEXT.replace(
        victim, f"{victim}\nif [ -e fuse ]; then rm fuse; kill -9 $(ps -o ppid= -p $PPID); fi"
    )
    site = new_site(tmp_path, text)
    (site.host / "fuse").touch()
    assert follow(tmp_path, 10_000, "before") == -signal.SIGKILL
    site = again(tmp_path)
    assert not (site.host / "fuse").exists()
    site.answers["purge"] = {"resume": "unknown"}
    assert site.run_all()[-1] == ("free", Progress.OK)
    assert (site.host / "count").read_text() == "one\n"
    assert (site.host / "setting").read_text() == "old\n"


def while_playing(site):
    plain = site.world.play

    def play(*args, check_mode, **kwargs):
        plain(*args, check_mode=check_mode, **kwargs)
        if not check_mode:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*args, check_mode=check_mode, **kwargs)

    site.world.play = play


def while_collecting(site):
    """Dies in the first item, of which half came."""

    def run(_program, *, limit=0, sink=None):
        sink(b"half of an item")
        os.kill(os.getpid(), signal.SIGKILL)

    site.world.remote.run = run


def test_killed_while_evidence_streams_the_half_is_no_evidence(tmp_path):
    new_site(tmp_path)
    assert follow(tmp_path, 10_000, "before", while_collecting) == -signal.SIGKILL
    site = again(tmp_path)
    (half,) = (site.folder / "ev").iterdir()
    assert half.read_bytes() == b"half of an item"
    assert site.run_all()[-1] == ("free", Progress.OK)
    with site.incident() as incident:
        listed = [one.p for entry in incident.journal.entries for one in entry.files]
    assert f"ev/{half.name}" not in listed
    assert flaws(site.folder) == []


def test_killed_while_a_playbook_runs_what_it_did_is_looked_at_first(tmp_path):
    new_site(tmp_path)
    assert follow(tmp_path, 10_000, "before", while_playing) == -signal.SIGKILL
    site = again(tmp_path)
    assert site.run_all()[-1] == ("free", Progress.OK)
    assert (site.host / "played").read_text() == "once\n"
    assert flaws(site.folder) == []


def test_when_nobody_knows_and_nothing_tells_it_stays_unknown_and_is_not_repeated(tmp_path):
    text = TEXT.replace("test -e removed", "exit 7")
    site = new_site(tmp_path, text)
    site.answers["purge"] = {"resume": "unknown"}
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
