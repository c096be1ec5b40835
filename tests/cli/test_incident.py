"""`auditor incident` and `auditor runbook`, from the words typed to exit codes and lines on an 80-column terminal."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from auditor.cli import _following, _opening, auditor
from auditor.runbook.clock import Instant, SystemClock
from auditor.runbook.world import Played
from tests.runbook.fake_world import EVERYTHING, FakeWorld, runbook, step

COMMAND = "kind: command\nrole: ops\n"
HOLD = step(
    "hold",
    COMMAND + "danger: reversible\ntemporary: 4h\nverify:\n  - shell: true",
    ("step", "touch held"), ("verify", "test -e held"), ("undo", "rm held"),
    text="A rather long paragraph that explains to a tired person at night why everything has to be held before anything else is done.",
)  # fmt: skip
FREE = step("free", "kind: undo\nrole: ops\nof: hold\nverify:\n  - shell: true", ("verify", "test ! -e held"))
SCAN = {
    "targets": [
        {
            "findings": [
                {
                    "check": "relay-closed",
                    "subject": "mx1.example.org",
                    "status": "failed",
                    "summary": "open",
                    "runbook": "test",
                }
            ]
        }
    ]
}


class Desk:
    def __init__(self, folder: Path, monkeypatch) -> None:
        self.folder = folder
        self.books = folder / "runbooks"
        self.books.mkdir()
        (self.books / "test.md").write_text(
            runbook(
                HOLD,
                FREE,
                more="findings: [relay-closed]\nalerts: [queue.full]\nvars:\n  net: {type: cidr}\n",
            )
        )
        host = folder / "host"
        host.mkdir()
        self.world = FakeWorld(host)
        self.facts = {"mta": "postfix", "debian": "12", "have_credentials": "yes"}
        self.answers = folder / "answers.yml"
        self.answers.write_text(yaml.safe_dump(EVERYTHING))
        monkeypatch.setenv("AUDITOR_RUNBOOKS", str(self.books))
        monkeypatch.setenv("AUDITOR_INCIDENTS", str(folder / "incidents"))
        monkeypatch.setattr(_following, "site_of", lambda _incident, _host: self.world)
        monkeypatch.setattr(_opening.facts, "of_host", lambda _remote: self.facts)

    def __call__(self, *words: str, stdin: str | None = None):
        return CliRunner().invoke(auditor, words, input=stdin, standalone_mode=False)

    def code(self, *words: str, stdin: str | None = None) -> int:
        ran = self(*words, stdin=stdin)
        if isinstance(ran.exception, SystemExit):
            return int(ran.exception.code or 0)
        if ran.exception is not None:
            raise ran.exception
        return int(ran.return_value or 0)

    def incident(self, *words: str) -> int:
        return self.code("incident", *words, "--answers", str(self.answers))

    def open(self) -> None:
        assert self.incident("open", "test", "--host", "mx1.example.org") == 0


@pytest.fixture
def desk(tmp_path, monkeypatch):
    return Desk(tmp_path, monkeypatch)


def test_an_incident_from_open_to_close(desk):
    desk.open()
    assert desk.incident("next") == 0
    assert desk.incident("close") == 1  # a temporary measure is still in place
    assert desk.incident("run", "--all") == 0
    assert desk.incident("close") == 0
    assert desk.incident("next") == 2  # no incident is open any more
    (folder,) = (desk.folder / "incidents").glob("INC-*[0-9]")
    assert desk.code("incident", "verify", folder.name) == 0
    assert desk("incident", "list").output.startswith(f"{folder.name}  closed")


def test_after_a_step_it_is_said_what_comes(desk):
    desk.open()
    told = desk("incident", "next", "--answers", str(desk.answers)).stderr
    assert told.endswith("Next: Step free - auditor incident next\n")
    told = desk("incident", "next", "--answers", str(desk.answers)).stderr
    assert told.endswith("Nothing is left to do: `auditor incident close` ends it.\n")


def test_after_a_step_that_did_not_work_both_ways_on_are_said(desk):
    desk.open()
    desk.world.remote.broken = True
    told = desk("incident", "next", "--answers", str(desk.answers)).stderr
    assert told.endswith(
        "Once more:   auditor incident next\nWithout it:  auditor incident skip hold --reason '…'\n"
    )


def test_open_from_a_finding_takes_the_runbook_that_the_finding_names(desk, tmp_path):
    scan = tmp_path / "scan.json"
    scan.write_text(json.dumps(SCAN))
    assert (
        desk.incident("open", "--from", str(scan), "--finding", "relay-closed", "--host", "mx1.example.org")
        == 0
    )
    assert json.loads(desk("incident", "status", "--json").output)["runbooks"] == ["test@1"]


def test_open_from_an_alert_finds_the_runbook_that_answers_it(desk):
    assert desk.incident("open", "--alert", "queue.full", "--host", "mx1.example.org") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--host", "mx1.example.org"), "give a RUNBOOK"),
        (("--runbook", "nothing", "--host", "mx1.example.org"), "there is no runbook 'nothing'"),
        (("--runbook", "test", "--host", "not a host"), "neither a host name"),
        (("--alert", "weather", "--host", "mx1.example.org"), "no runbook answers the alert"),
        (("--runbook", "test", "--host", "mx1.example.org", "--var", "net=everything"), "not a network"),
        (("--runbook", "test", "--host", "mx1.example.org", "--var", "colour=red"), "the runbook knows"),
        (("--runbook", "test", "--host", "mx1.example.org", "--var", "net"), "write NAME=VALUE"),
        (("--runbook", "test", "--host", "mx1.example.org", "--var", "mta=exim"), "exim4"),
        (
            ("--runbook", "test", "--host", "mx1.example.org", "--var", "debian=bookworm"),
            "not a whole number",
        ),
        (("--runbook", "test", "--host", "mx1.example.org", "--ssh", "h:port"), "not a port number"),
        (("--runbook", "test", "--host", "mx1.example.org", "-i", "/nowhere.yml"), "no such inventory"),
        (
            ("--from", "/nowhere.json", "--finding", "relay-closed", "--host", "mx1.example.org"),
            "No such file",
        ),
        (("test", "--runbook", "test", "--host", "mx1.example.org"), "name the runbook once"),
        (("--finding", "relay-closed", "--host", "mx1.example.org"), "belong together"),
        (("test", "--host", "mx1.example.org", "--began", "last night"), "is not a time such as"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_sentence_and_leaves_nothing(desk, words, told):
    ran = desk("incident", "open", *words)
    assert isinstance(ran.exception, SystemExit)
    assert ran.exception.code == 2
    assert told in ran.stderr
    assert not (desk.folder / "incidents").exists()


def test_a_question_without_an_answer_is_exit_3_and_names_its_key(desk):
    desk.open()
    desk.answers.write_text("{}")
    ran = desk("incident", "next", "--answers", str(desk.answers))
    assert isinstance(ran.exception, SystemExit)
    assert ran.exception.code == 3
    assert "hold.run" in ran.stderr


def test_at_a_terminal_questions_are_answered_by_typing(desk):
    desk.open()
    assert desk.code("incident", "next", stdin="maybe\nyes\n") == 0
    assert (desk.world.remote.folder / "held").exists()


def test_the_end_of_input_is_no_consent(desk):
    desk.open()
    assert desk.code("incident", "next", stdin="") == 3
    assert not (desk.world.remote.folder / "held").exists()


def test_everything_fits_into_80_columns_without_colour(desk):
    desk.open()
    shown = [
        desk("incident", "status").output,
        desk("runbook", "print", "test").output,
        desk("runbook", "list").output,
    ]
    ran = desk("incident", "next", stdin="yes\n")
    for text in (*shown, ran.stderr):
        assert text
        assert "\x1b" not in text
        assert max(len(line) for line in text.splitlines()) <= 80


def test_a_dry_run_shows_the_commands_and_writes_nothing(desk):
    desk.open()
    journal = next((desk.folder / "incidents").glob("INC-*/journal.jsonl"))
    before = journal.read_bytes()
    ran = desk("incident", "run", "--all", "--dry-run", "--answers", str(desk.answers))
    assert "    touch held" in ran.stderr
    assert journal.read_bytes() == before
    assert not (desk.world.remote.folder / "held").exists()


def test_a_failed_step_is_exit_1_and_an_unreachable_host_exit_3(desk):
    desk.open()
    desk.world.remote.broken = True
    assert desk.incident("next") == 3
    desk.world.remote.broken = False
    (desk.books / "test.md").write_text(
        runbook(step("fails", COMMAND + "verify:\n  - shell: true", ("step", "false"), ("verify", "true")))
    )
    desk.open()
    folder = max((desk.folder / "incidents").glob("INC-*[0-9]")).name
    assert desk.incident("next", "--dir", folder) == 1


def test_several_open_incidents_must_be_named(desk):
    desk.open()
    desk.open()
    ran = desk("incident", "status")
    assert isinstance(ran.exception, SystemExit)
    assert "2 incidents are open: name one of" in ran.stderr


def test_notes_answers_skips_and_handover_reach_the_journal(desk):
    desk.open()
    assert desk.incident("note", "it began before noon", "--kind", "hypothesis") == 0
    assert desk.incident("note", "it began at noon", "--kind", "correction", "--about", "2") == 0
    assert desk.incident("note", "of nothing", "--kind", "correction", "--about", "99") == 2
    assert desk.incident("note", "disk image to the police, receipt 12", "--kind", "custody") == 0
    assert "correction of 2: it began at noon" in desk("incident", "export").output
    assert desk.incident("answer", "net", "192.0.2.0/24") == 0
    assert desk.incident("answer", "net", "all of it") == 2
    assert desk.incident("skip", "hold", "--reason", "known already") == 0
    assert desk.incident("handover", "--to", "bo") == 0
    report = json.loads(desk("incident", "status", "--json").output)
    assert report["operator"] == "bo"
    assert report["steps"] == {"test/hold": "skipped"}
    assert report["notes"][0]["kind"] == "hypothesis"


def test_a_fact_of_the_host_is_corrected_in_words_that_runbooks_know(desk):
    desk.open()
    assert desk.incident("answer", "mta", "exim") == 2
    assert desk.incident("answer", "mta", "exim4") == 0
    assert desk.incident("answer", "debian", "trixie") == 2


def test_an_incident_that_cannot_be_read_is_named_and_hides_no_other(desk):
    desk.open()
    broken = desk.folder / "incidents" / "INC-2020-0001"
    broken.mkdir()
    (broken / "journal.jsonl").write_text("garbage\n")
    ran = desk("incident", "list")
    assert (ran.return_value, "mx1.example.org" in ran.stdout) == (3, True)
    assert "INC-2020-0001: journal.jsonl: line 1 is no entry" in ran.stderr
    assert desk.code("incident", "verify", "INC-2020-0001") == 1
    assert "2 incidents are open" in desk("incident", "status").stderr


def test_an_incident_whose_journal_is_empty_is_no_incident(desk):
    desk.open()
    next((desk.folder / "incidents").glob("INC-*/journal.jsonl")).write_bytes(b"")
    ran = desk("incident", "status")
    assert (ran.exception.code, "interrupted while it was opened" in ran.stderr) == (2, True)


def test_a_file_where_incidents_should_be_is_told_and_not_an_empty_list(desk):
    (desk.folder / "incidents").write_text("")
    for words in (("list",), ("open", "test", "--host", "mx1.example.org")):
        ran = desk("incident", *words)
        assert (ran.exception.code, "Errno" in ran.stderr) == (2, False)
        assert str(desk.folder / "incidents") in "".join(ran.stderr.split())


def test_verify_names_the_line_that_was_changed(desk):
    desk.open()
    desk.incident("note", "one")
    desk.incident("note", "two")
    journal = next((desk.folder / "incidents").glob("INC-*/journal.jsonl"))
    assert desk.code("incident", "verify") == 0
    journal.write_bytes(journal.read_bytes().replace(b'"one"', b'"One"'))
    ran = desk("incident", "verify")
    assert ran.return_value == 1
    assert "line 2 was changed" in ran.output


def test_a_cut_tail_is_seen_by_the_anchor_kept_beside_the_incident(desk):
    desk.open()
    desk.incident("note", "one")
    journal = next((desk.folder / "incidents").glob("INC-*/journal.jsonl"))
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    assert desk.code("incident", "verify") == 1


def test_an_edited_runbook_is_refused_until_accepted(desk):
    desk.open()
    path = desk.books / "test.md"
    path.write_text(path.read_text().replace("tired", "very tired"))
    assert desk.incident("next") == 1
    assert desk.incident("accept") == 0
    assert desk.incident("next") == 0


def test_an_export_is_redacted_unless_asked(desk, tmp_path):
    desk.open()
    desk.incident("note", "alice@customer.example called")
    assert "alice" not in desk("incident", "export").output
    assert "alice@customer.example" in desk("incident", "export", "--clear").output
    out = tmp_path / "timeline.html"
    assert desk.code("incident", "export", "--format", "html", "-o", str(out)) == 0
    assert out.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("became", ["edited", "gone"])
def test_an_export_tells_the_steps_as_they_were_followed_whatever_became_of_the_runbook(desk, became):
    desk.open()
    desk.incident("next")
    text = (desk.books / "test.md").read_text()
    (desk.books / "test.md").unlink()
    if became == "edited":
        (desk.books / "test.md").write_text(text.replace("### Step hold", "### Another step"))
    exported = desk("incident", "export")
    assert exported.exit_code == 0, exported.stderr
    assert "begun - Step hold" in exported.output
    assert "time to contain" in exported.output, "the measure of that runbook"
    (folder,) = (desk.folder / "incidents").glob("INC-*[0-9]")
    for copy in (folder / "runbooks").iterdir():
        copy.unlink()
    late = desk("incident", "export")
    assert ("Another step" in late.output) is (became == "edited"), "the next best"
    assert (late.exit_code == 0) is (became == "edited")


def test_lint_tells_file_and_line_and_exits_1(desk):
    assert desk.code("runbook", "lint", str(desk.books / "test.md")) == 0
    path = desk.books / "test.md"
    path.write_text(path.read_text().replace("rm held", "pkill smtpd"))
    ran = desk("runbook", "lint", str(path))
    assert f"{path.name}:" in ran.output
    assert "pkill" in ran.output


def test_lint_without_a_file_holds_the_messages_too(desk):
    assert "COM-1.en.md: is missing" in desk("runbook", "lint").output


def test_show_limits_to_one_mail_program(desk):
    assert "touch held" in desk("runbook", "show", "test", "--mta", "postfix").output
    assert "verify: " in desk("runbook", "show", "test").output


def test_no_login_is_a_fact_and_not_an_error(desk):
    desk.facts = {"have_credentials": "no"}
    ran = desk("incident", "open", "--runbook", "test", "--host", "mx1.example.org")
    assert ran.exception is None
    assert ran.return_value == 0
    assert "mta of mx1.example.org is not known" in ran.stderr


def test_a_phase_runs_to_its_end_and_no_further(desk):
    path = desk.books / "test.md"
    path.write_text(path.read_text().replace("### Step free", "## Two\n\n### Step free"))
    desk.open()
    assert desk.incident("run", "--phase", "one") == 0
    report = json.loads(desk("incident", "status", "--json").output)
    assert (report["steps"], report["next"]["phase"]) == ({"test/hold": "ok"}, "Two")
    assert desk.incident("run", "--phase", "three") == 2
    assert desk.incident("run") == 2
    assert desk.incident("run", "--step", "free") == 0
    assert desk.incident("run", "--step", "nothing") == 2


def test_a_phase_can_be_run_before_those_that_stand_in_front_of_it(desk):
    path = desk.books / "test.md"
    path.write_text(
        path.read_text().replace(
            "### Step hold",
            "### Step talk\n\n```yaml step\nid: talk\nkind: manual\nrole: ic\n"
            "verify:\n  - person: All know\n```\n\n- [ ] Talk.\n\n## Two\n\n### Step hold",
        )
    )
    desk.open()
    assert desk.incident("run", "--phase", "two") == 0
    report = json.loads(desk("incident", "status", "--json").output)
    assert report["steps"]["test/hold"] == "ok"
    assert report["next"]["step"] == "test/talk"


def test_a_second_person_approves_the_list_that_was_shown(desk):
    (desk.books / "test.md").write_text(
        runbook(
            step("copy", "kind: evidence\nrole: ops\nset: configuration"),
            step(
                "purge",
                COMMAND + "danger: destructive\nneeds: [copy]\napprove: {role: ic, two_person: required}\npreview: queue-id\n"
                "verify:\n  - shell: true",
                ("preview", "echo 3F2A1B4C5D"), ("step", "cat > removed"), ("verify", "test -e removed"),
            ),
        )
    )  # fmt: skip
    desk.open()
    assert desk.incident("next") == 0
    assert desk.incident("approve", "copy") == 1
    assert desk.incident("approve", "purge") == 1  # it has shown no list yet
    refusing = desk.folder / "refusing.yml"
    refusing.write_text(yaml.safe_dump({**EVERYTHING, "purge": {"approve": {"agreed": False}}}))
    assert desk.code("incident", "next", "--answers", str(refusing)) == 1
    assert desk.incident("approve", "purge") == 0
    assert desk.code("incident", "next", "--answers", str(refusing)) == 0
    assert (desk.world.remote.folder / "removed").read_text() == "3F2A1B4C5D\n"


def test_the_owner_agrees_from_elsewhere_to_what_a_playbook_refused(desk):
    words = (
        "kind: ansible\nrole: ops\nplay: isolate\nurgent: true\n"
        "approve: {role: owner, two_person: required, if_refused: {isolate_owner_agrees: true}}\nverify:\n  - probe: ssh.alive"
    )
    (desk.books / "test.md").write_text(runbook(step("iso", words)))
    desk.open()
    assert desk.incident("approve", "iso") == 1  # nothing was refused yet
    refused = Played(
        good=False, changed=0, output="", refused="Refused: mx1 is the last; nothing was changed."
    )
    desk.world.played = [refused, refused, Played(good=True, changed=1, output="ok")]
    refusing = desk.folder / "refusing.yml"
    refusing.write_text(yaml.safe_dump({**EVERYTHING, "iso": {"approve": {"agreed": False}}}))
    first = desk("incident", "next", "--answers", str(refusing))
    assert "Refused: mx1 is the last; nothing was changed." in first.output
    assert json.loads(desk("incident", "status", "--json").output)["steps"] == {"test/iso": "failed"}
    assert desk.incident("approve", "iso", "--actor", "carla") == 0
    assert desk.code("incident", "next", "--answers", str(refusing)) == 0
    report = json.loads(desk("incident", "status", "--json").output)
    assert (report["steps"], report["roles"]["owner"]) == ({"test/iso": "ok"}, "bo")


def test_resume_says_what_is_next_when_nothing_was_interrupted(desk):
    desk.open()
    assert "Next: hold" in desk("incident", "resume", "--answers", str(desk.answers)).stderr


def test_undo_takes_a_step_back_and_reopen_opens_a_closed_incident(desk):
    desk.open()
    desk.incident("next")
    assert desk.incident("undo", "hold") == 0
    assert not (desk.world.remote.folder / "held").exists()
    assert desk.incident("skip", "free", "--reason", "taken back already") == 0
    assert desk.incident("close") == 0
    assert desk.incident("note", "late", "--dir", "INC-0000-0001") == 2
    name = json.loads(desk("incident", "status", "--json").output)["incident"]
    assert desk.incident("next", "--dir", name) == 0  # nothing is left to do
    assert desk.incident("reopen", "--reason", "it came back", "--dir", name) == 0
    assert json.loads(desk("incident", "status", "--json").output)["closed"] is None


class ADayLater:
    """The system's clock, a day and a minute ahead in both its parts."""

    def now(self):
        now = SystemClock().now()
        return Instant(utc=now.utc, mono_ns=now.mono_ns + 86460 * 10**9, boot=now.boot)


def test_what_is_overdue_is_said_and_journalled_once(desk):
    desk.open()
    desk.world.clock = ADayLater()
    journal = next((desk.folder / "incidents").glob("INC-*/journal.jsonl"))
    first = desk("incident", "next", "--answers", str(desk.answers))
    assert "OVERDUE: the incident should be over" in first.stderr
    second = desk("incident", "next", "--answers", str(desk.answers))
    assert "the incident should be over" not in second.stderr
    told = [json.loads(line)["data"] for line in journal.read_text().splitlines() if '"timer.fired"' in line]
    assert [one["timer"] for one in told].count("deadline") == 1


def test_runbooks_are_listed_for_programs(desk):
    assert json.loads(desk("runbook", "list", "--json").output) == [
        {"runbook": "test", "title": "Test", "severity": "high", "findings": ["relay-closed"]}
    ]


def test_the_vocabulary_is_shown(desk):
    assert "accounting.balanced" in desk("runbook", "lint", "--vocabulary").output


@pytest.mark.parametrize("text", ["- a\n", "a: [\n"])
def test_answers_that_are_no_mapping_are_told(desk, text):
    desk.open()
    desk.answers.write_text(text)
    assert desk.incident("next") == 2
