"""auditor fix: preview, consent, repair, and the second scan that alone decides how it ended."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from auditor.cli import _fixing, _planning, _scanning, auditor
from auditor.model import Severity, Status
from auditor.remedy.scanned import Result, Scanned

PLAY = """\
- name: Greet
  hosts: mail_hosts
  gather_facts: false
  tasks:
    - name: Write a greeting
      ansible.builtin.copy: {content: "hello\\n", dest: "{{ target }}", mode: "0600"}
      tags: [relay-closed]
"""


def found(status, summary="as seen", reason=None):
    return Result(
        check="relay-closed",
        subject_kind="host",
        subject="mx1",
        status=status,
        severity=Severity.CRITICAL,
        summary=summary,
        playbook="close-relay",
        reason=reason,
    )


def as_tuple(results):
    return results if isinstance(results, tuple) else (results,)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An inventory whose host is this machine, a playbook that writes one file, and scans that a test scripts."""
    (tmp_path / "hosts.yml").write_text(
        "mail_hosts:\n  hosts:\n    mx1:\n      ansible_connection: local\n"
        "      ansible_python_interpreter: '{{ ansible_playbook_python }}'\n"
        f"      target: {tmp_path / 'greeting'}\n",
        encoding="utf-8",
    )
    shelf = tmp_path / "playbooks"
    shelf.mkdir()
    (shelf / "site.yml").write_text("- import_playbook: close-relay.yml\n", encoding="utf-8")
    (shelf / "close-relay.yml").write_text(PLAY, encoding="utf-8")
    scans = []
    again = []

    def fresh(given, registry, **_options):
        again.append(given["only"])
        return SimpleNamespace(record=SimpleNamespace(finished=datetime(2026, 11, 21, tzinfo=UTC)))

    monkeypatch.setattr("auditor.data.directory", lambda name: tmp_path / name)
    monkeypatch.setattr(_scanning, "fresh", fresh)
    monkeypatch.setattr(_planning.report, "render", lambda _scan: "{}")
    for module in (_planning, _fixing):
        monkeypatch.setattr(
            module, "as_scanned", lambda _scan: Scanned(results=as_tuple(scans.pop(0)), targets=("mx1",))
        )
    monkeypatch.chdir(tmp_path)
    return SimpleNamespace(folder=tmp_path, scans=scans, again=again, greeting=tmp_path / "greeting")


def fix(*words, answer=None):
    return CliRunner().invoke(auditor, ["fix", "mx1", "-i", "hosts.yml", *words], input=answer)


def test_what_the_second_scan_sees_closed_is_closed(here):
    here.scans += [found(Status.FAILED), found(Status.PASSED, "everything was refused")]

    done = fix("--yes")

    assert done.exit_code == 0, done.output
    assert here.greeting.read_text(encoding="utf-8") == "hello\n"
    assert "closed      relay-closed on mx1: everything was refused" in done.stdout
    assert here.again[1] == ("relay-closed",), "the same checks are asked again"


def test_a_playbook_that_succeeds_closes_nothing_by_itself(here):
    here.scans += [found(Status.FAILED), found(Status.FAILED)]

    done = fix("--yes")

    assert done.exit_code == 1
    assert "close-relay: successful" in done.stdout
    assert "still open  relay-closed" in done.stdout


def test_what_a_repair_made_judgeable_and_is_open_is_a_finding(here):
    weak = replace(found(Status.FAILED), check="dmarc-policy-enforced")
    here.scans += [
        (found(Status.FAILED), replace(weak, status=Status.NOT_APPLICABLE)),
        (found(Status.PASSED), weak),
    ]

    done = fix("--yes")

    assert done.exit_code == 1
    assert "now open    dmarc-policy-enforced" in done.stdout
    assert "closed      relay-closed" in done.stdout


def test_a_second_scan_that_cannot_see_leaves_it_incomplete(here):
    here.scans += [found(Status.FAILED), found(Status.UNKNOWN)]
    assert fix("--yes").exit_code == 3

    here.scans += [found(Status.FAILED), found(Status.UNKNOWN)]
    assert fix("--yes", "--allow-unknown", "--records", "others").exit_code == 0


def test_the_changes_are_shown_and_a_no_changes_nothing(here, monkeypatch):
    monkeypatch.setattr(_fixing, "somebody_is_there", lambda: True)
    here.scans += [found(Status.FAILED)]

    done = fix(answer="n\n")

    assert done.exit_code == 1
    assert "+hello" in done.stderr
    assert not here.greeting.exists()


def test_a_yes_at_the_question_applies_what_was_shown(here, monkeypatch):
    monkeypatch.setattr(_fixing, "somebody_is_there", lambda: True)
    here.scans += [found(Status.FAILED), found(Status.PASSED)]

    assert fix(answer="y\n").exit_code == 0
    assert here.greeting.exists()


def test_what_a_playbook_left_to_a_person_stands_at_the_end_and_in_the_record(here):
    with (here.folder / "playbooks/close-relay.yml").open("a", encoding="utf-8") as play:
        play.write(
            "    - name: Print the record\n      ansible.builtin.debug: {msg: ['Publish:', mx1 IN A 192.0.2.1]}\n"
            "      tags: [relay-closed]\n"
        )
    here.scans += [found(Status.FAILED), found(Status.FAILED)]

    done = fix("--yes")

    words = "Left to you:\n\nclose-relay on mx1 says:\nPublish:\nmx1 IN A 192.0.2.1\n"
    assert done.stdout.endswith(f"still open  relay-closed on mx1: as seen\n\n{words}")
    (folder,) = (here.folder / "fixes").iterdir()
    assert (folder / "left-to-you.txt").read_text(encoding="utf-8") == words
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert record["runs"][0]["told"] == [
        {"host": "mx1", "task": "Print the record", "lines": ["Publish:", "mx1 IN A 192.0.2.1"]}
    ]


def test_the_record_holds_both_scans_and_the_outcome(here):
    here.scans += [found(Status.FAILED), found(Status.PASSED)]
    fix("--yes")

    (folder,) = (here.folder / "fixes").iterdir()
    assert {file.name for file in folder.iterdir()} == {"record.json", "before.json", "after.json"}
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert record["state"] == "finished"
    assert record["outcomes"][0]["outcome"] == "closed"


def test_a_finding_that_only_the_repair_brought_to_light_is_closed_by_the_same_command(here):
    hidden = replace(found(Status.UNKNOWN), check="abuse-accepted", subject="mx1", playbook="role-addresses")
    uncovered, closed = replace(hidden, status=Status.FAILED), replace(hidden, status=Status.PASSED)
    (here.folder / "playbooks" / "role-addresses.yml").write_text(
        PLAY.replace("relay-closed", "abuse-accepted").replace("hello", "again"), encoding="utf-8"
    )
    here.scans += [
        (found(Status.FAILED), hidden),
        (found(Status.PASSED), uncovered),
        (found(Status.PASSED), closed),
    ]

    done = fix("--yes")

    assert done.exit_code == 0, done.output
    assert here.greeting.read_text(encoding="utf-8") == "again\n"
    assert "closed      abuse-accepted on mx1" in done.stdout
    (folder,) = (here.folder / "fixes").iterdir()
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert [run["playbook"] for run in record["runs"]] == ["close-relay", "role-addresses"]
    assert [result["check"] for result in record["open"]] == ["relay-closed", "abuse-accepted"]
    assert (folder / "after-2.json").is_file()


def test_a_server_that_takes_no_more_connections_is_asked_again_after_its_window(here, monkeypatch):
    waited = []
    monkeypatch.setattr(_fixing, "sleep", waited.append)
    here.scans += [found(Status.FAILED), found(Status.UNKNOWN, reason="rate-limited"), found(Status.PASSED)]

    done = fix("--yes", "--wait", "5")

    assert done.exit_code == 0
    assert waited == [5.0]
    assert (
        "takes no more connections from here for now; in 5 s it is asked again: relay-closed" in done.stderr
    )
