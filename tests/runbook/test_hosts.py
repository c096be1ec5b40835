"""An incident with several hosts: in turn or together, each with its own facts, answers, evidence and failures."""

import json

import pytest
import yaml
from click.testing import CliRunner

from auditor.cli import _following, _opening, auditor
from auditor.runbook.book import collect
from auditor.runbook.desk import Desk, NotPossible
from auditor.runbook.engine import Engine
from auditor.runbook.incident import Incident, create
from auditor.runbook.lint import lint
from auditor.runbook.lint_words import Surroundings
from auditor.runbook.opening import Occasion, begin
from auditor.runbook.operator import Questions, Scripted
from auditor.runbook.parse import read
from auditor.runbook.proof import flaws
from auditor.runbook.state import Progress
from auditor.runbook.world import Outcome
from tests.runbook.fake_world import ANNA, EVERYTHING, FakeClock, FakeWorld, runbook, step

HOSTS = ("mx2.example.org", "mx1.example.org")
"""Not in the order of the alphabet: the round goes in the order in which they were named."""
COMMAND = "kind: command\nrole: ops\n"
ROUND = (
    step("announce", "kind: comms\nrole: comms\ntemplate: COM-9\nchannel: status page"),
    step(
        "shut",
        COMMAND + "danger: reversible\ntemporary: 2h\nidempotent: true\ncapture: {before: line}\nverify:\n  - shell: true",
        ("capture", "echo before=$(cat doors)"), ("step", "echo shut > doors"), ("verify", "grep -q shut doors"),
        ("undo", "printf '%s\\n' {{ before }} > doors"),
    ),
    step(
        "patch",
        COMMAND + "needs: [shut]\nask: {version: line}\nverify:\n  - shell: true",
        ("step", "printf '%s %s\\n' {{ host }} {{ version }} >> ../patched"),
        ("verify", "test ! -e broken"),
    ),
    step("well", "kind: decision\nrole: ic\neach: host\nquestion: Well?\noptions:\n  fine: {goto: open}\n  ill: {next: true}"),
    step("back", "kind: manual\nrole: ops\neach: host\nverify:\n  - person: It is back."),
    step("open", "kind: undo\nrole: ops\nof: shut\nverify:\n  - shell: true", ("verify", "grep -q open doors")),
    step("report", "kind: manual\nrole: comms\nneeds: [open]\nverify:\n  - person: Written."),
)  # fmt: skip
ANSWERS = {**EVERYTHING, "well": {"choose": "fine"}, "patch": {"version": "3.7.11"}}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    """No process dies here."""
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)


class Fleet:
    """Two hosts, an incident about both, and an engine that is started anew for every step."""

    def __init__(self, tmp_path, targets):
        self.books = tmp_path / "runbooks"
        self.books.mkdir()
        (self.books / "test.md").write_text(runbook(*ROUND, more=f"targets: {targets}\n"), "utf-8")
        self.tmp_path, self.answers, self.said = tmp_path, dict(ANSWERS), []
        self.clock = FakeClock()
        self.worlds = {host: FakeWorld(tmp_path / host, self.clock) for host in HOSTS}
        for host in HOSTS:
            (tmp_path / host).mkdir()
            (tmp_path / host / "doors").write_text(f"open for {host}\n")
        self.folder = create(tmp_path / "incidents", self.clock)
        values = {f"mta@{host}": mta for host, mta in zip(HOSTS, ("postfix", "exim4"), strict=True)}
        with Incident(self.folder, self.clock, ANNA) as incident:
            occasion = Occasion(
                runbook="test", title="Round", host=HOSTS[0], values=values, hosts={host: {"host": host} for host in HOSTS}
            )  # fmt: skip
            begin(incident, collect(["test"], self.books), occasion)

    def desk(self, incident):
        book = collect(["test"], self.books, incident.state.hosts)
        ask = Questions(Scripted(self.answers, self.said.append))
        return Desk(incident, book, self.worlds[HOSTS[0]], ask, worlds=self.worlds)

    def run_all(self):
        done = []
        for _ in range(30):
            with Incident(self.folder, self.clock, ANNA) as incident:
                engine = Engine(self.desk(incident))
                coming = engine.next_step()
                if coming is None:
                    break
                done.append((coming.name, engine.run(coming).result))
            if done[-1][1] is not Progress.OK:
                break
        return done

    @property
    def state(self):
        with Incident(self.folder, self.clock, ANNA) as incident:
            return incident.state

    def doors(self):
        return [(self.tmp_path / host / "doors").read_text() for host in HOSTS]


def names(done):
    return [name.replace(".example.org", "") for name, _result in done]


def test_every_kind_of_step_may_say_where_it_is_done(tmp_path):
    fleet = Fleet(tmp_path, "serial")
    told = [problem.text for problem in lint(read(fleet.books / "test.md"), Surroundings())]
    assert [text for text in told if text.endswith("has no each")] == []


def test_a_round_ends_on_one_host_before_it_begins_on_the_next(tmp_path):
    fleet = Fleet(tmp_path, "serial")
    assert names(fleet.run_all()) == [
        "announce",
        "shut@mx2", "patch@mx2", "well@mx2", "open@mx2",
        "shut@mx1", "patch@mx1", "well@mx1", "open@mx1",
        "report",
    ]  # fmt: skip
    assert (tmp_path / "patched").read_text() == "mx2.example.org 3.7.11\nmx1.example.org 3.7.11\n"
    assert fleet.doors() == ["open for mx2.example.org\n", "open for mx1.example.org\n"], (
        "each got its own back"
    )
    assert flaws(fleet.folder) == []
    with Incident(fleet.folder, fleet.clock, ANNA) as incident:
        Engine(fleet.desk(incident)).close()


def test_for_all_each_step_is_done_everywhere_before_the_next_one(tmp_path):
    fleet = Fleet(tmp_path, "all")
    assert names(fleet.run_all()) == [
        "announce", "shut@mx2", "shut@mx1", "patch@mx2", "patch@mx1", "well@mx2", "well@mx1", "open@mx2", "open@mx1", "report",
    ]  # fmt: skip


def test_the_first_host_that_does_not_come_back_well_stops_the_round_and_is_done_again_alone(tmp_path):
    fleet = Fleet(tmp_path, "serial")
    (tmp_path / HOSTS[0] / "broken").touch()
    assert fleet.run_all()[-1] == (f"patch@{HOSTS[0]}", Progress.FAILED)
    assert fleet.doors() == ["shut\n", "open for mx1.example.org\n"], "the other one was left alone"
    (tmp_path / HOSTS[0] / "broken").unlink()
    done = fleet.run_all()
    assert names(done)[0] == "patch@mx2"
    assert done[-1] == ("report", Progress.OK)


@pytest.mark.parametrize(("targets", "begun"), [("serial", 1), ("all", 2)])
def test_in_a_round_no_host_begins_while_another_is_still_watched(tmp_path, targets, begun):
    fleet = Fleet(tmp_path, targets)
    watch = step("watch", "kind: wait\nrole: ops\nfor: 1h\neach: host")
    touch = step(
        "touch", COMMAND + "verify:\n  - shell: true", ("step", "touch here"), ("verify", "test -e here")
    )
    (fleet.books / "test.md").write_text(runbook(touch, watch, more=f"targets: {targets}\n"), "utf-8")
    with Incident(fleet.folder, fleet.clock, ANNA) as incident:
        Engine(fleet.desk(incident)).accept()
    fleet.run_all()
    assert sum((tmp_path / host / "here").exists() for host in HOSTS) == begun
    for _ in range(3):
        fleet.clock.seconds += 3601
        fleet.run_all()
    assert sum((tmp_path / host / "here").exists() for host in HOSTS) == 2
    assert {known.progress for known in fleet.state.steps.values()} == {Progress.OK}


def test_what_one_host_decides_leaves_nothing_out_on_the_other(tmp_path):
    fleet = Fleet(tmp_path, "serial")
    (tmp_path / HOSTS[0] / "broken").touch()
    fleet.run_all()
    (tmp_path / HOSTS[0] / "broken").unlink()
    with Incident(fleet.folder, fleet.clock, ANNA) as incident:
        engine = Engine(fleet.desk(incident))
        assert engine.run(engine.next_step()).result is Progress.OK
        engine.desk.ask.operator._answers["well.choose"] = "ill"
        assert engine.run(engine.next_step()).result is Progress.OK
    assert names(fleet.run_all()) == [
        "back@mx2", "open@mx2", "shut@mx1", "patch@mx1", "well@mx1", "open@mx1", "report",
    ]  # fmt: skip
    state = fleet.state
    assert state.at(HOSTS[0]).values["well"] == "ill"
    assert state.at(HOSTS[1]).values["well"] == "fine"
    assert state.steps[f"test/back@{HOSTS[1]}"].progress is Progress.PASSED_OVER


def test_a_step_that_is_done_once_waits_for_every_host(tmp_path):
    fleet = Fleet(tmp_path, "serial")
    with Incident(fleet.folder, fleet.clock, ANNA) as incident:
        engine = Engine(fleet.desk(incident))
        with pytest.raises(NotPossible, match=r"open@mx2\.example\.org \(not begun\), open@mx1"):
            engine.run(engine.desk.book.find("report"))
        with pytest.raises(LookupError, match=r"several steps are called patch: write test/patch@mx2"):
            engine.desk.book.find("patch")


def test_a_measure_that_one_host_lost_is_noticed_while_another_is_worked_on(tmp_path):
    fleet = Fleet(tmp_path, "all")
    fleet.answers["shut"] = {"lost": "again"}
    with Incident(fleet.folder, fleet.clock, ANNA) as incident:
        engine = Engine(fleet.desk(incident))
        for _ in range(3):
            engine.run(engine.next_step())
        (tmp_path / HOSTS[0] / "doors").write_text("open again\n")
        engine.run(engine.desk.book.find(f"patch@{HOSTS[1]}"))
        lost = [entry.step for entry in incident.journal.entries if entry.kind == "temp.lost"]
    assert lost == [f"shut@{HOSTS[0]}"]
    assert fleet.doors() == ["shut\n", "shut\n"]


def test_each_host_is_probed_and_scanned_itself(tmp_path):
    fleet = Fleet(tmp_path, "all")
    look = step("look", "kind: probe\nrole: ops\nverify:\n  - probe: ssh.alive\n  - finding: relay-closed")
    (fleet.books / "test.md").write_text(runbook(look, more="targets: all\n"), "utf-8")
    fleet.worlds[HOSTS[1]].scans["relay-closed"] = Outcome.failed("open")
    with Incident(fleet.folder, fleet.clock, ANNA) as incident:
        engine = Engine(fleet.desk(incident))
        engine.accept()
        assert [engine.run(one).result for one in engine.desk.book.steps] == [Progress.OK, Progress.FAILED]
    assert [world.scanned for world in fleet.worlds.values()] == [[("relay-closed",)]] * 2


def test_several_hosts_on_the_command_line(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    fleet = Fleet(tmp_path / "other", "serial")
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(
        yaml.safe_dump({"mail_hosts": {"hosts": {host: {"ansible_user": "root"} for host in HOSTS}}})
    )
    answers = tmp_path / "answers.yml"
    answers.write_text(yaml.safe_dump(ANSWERS))
    monkeypatch.setenv("AUDITOR_RUNBOOKS", str(fleet.books))
    monkeypatch.setenv("AUDITOR_INCIDENTS", str(tmp_path / "incidents"))
    monkeypatch.setattr(_following, "site_of", lambda _incident, host: fleet.worlds[host])
    facts = {"mta": "postfix", "debian": "12"}
    monkeypatch.setattr(
        _opening.facts, "of_host", lambda remote: {**facts, "units": f"of {remote.target.host}"}
    )

    def run(*words):
        return CliRunner().invoke(auditor, ["incident", *words])

    both = ["--host", HOSTS[0], "--host", HOSTS[1]]
    assert "named by an inventory" in run("open", "test", *both).stderr
    opened = run("open", "test", *both, "-i", str(inventory))
    assert opened.exit_code == 0, opened.stderr
    assert [line for line in opened.stderr.splitlines() if "mta postfix" in line] == [
        f"{host}: mta postfix, debian 12" for host in HOSTS
    ]
    assert run("run", "--all", "--answers", str(answers)).exit_code == 0
    report = json.loads(run("status", "--json").stdout)
    assert report["hosts"] == list(HOSTS)
    assert report["steps"][f"test/patch@{HOSTS[1]}"] == "ok"
    assert f"host {HOSTS[0]}, {HOSTS[1]}, operator" in run("status").stdout
    assert f"{HOSTS[0]}, {HOSTS[1]}" in run("list").stdout
    timeline = run("export", "--clear").stdout
    assert f"Step patch ({HOSTS[1]})" in timeline
    assert run("close").exit_code == 0

    (fleet.books / "test.md").write_text(runbook(*ROUND, more="targets: one\n"), "utf-8")
    assert (
        "test is about one host: open an incident for each"
        in run("open", "test", *both, "-i", str(inventory)).stderr
    )
