"""auditor plan: from a saved scan to the lines that repair."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from auditor.cli import auditor

REPORT = {
    "schema": "auditor.scan/1",
    "targets": [
        {
            "target": "mx1.example.org",
            "subjects": [{"kind": "host", "name": "mx1.example.org"}],
            "findings": [
                {
                    "check": "relay-closed",
                    "family": "relay",
                    "subject": "mx1.example.org",
                    "status": "failed",
                    "severity": "critical",
                    "summary": "RCPT for a foreign address was accepted",
                    "remedy": {"playbook": "close-relay", "tags": ["relay-closed"]},
                    "runbook": "open-relay",
                }
            ],
        }
    ],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a saved scan, an inventory and a shelf of one playbook."""
    (tmp_path / "scan.json").write_text(json.dumps(REPORT), encoding="utf-8")
    (tmp_path / "hosts.yml").write_text(
        "mail_hosts: {hosts: {mx1.example.org: {mail_domains: [example.org]}}}\n", encoding="utf-8"
    )
    shelf = tmp_path / "playbooks"
    shelf.mkdir()
    (shelf / "site.yml").write_text("- import_playbook: close-relay.yml\n", encoding="utf-8")
    (shelf / "close-relay.yml").write_text("- hosts: mail_hosts\n  tasks: []\n", encoding="utf-8")
    monkeypatch.setattr("auditor.data.directory", lambda name: tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words):
    return CliRunner().invoke(auditor, words)


def test_a_saved_scan_becomes_the_line_to_type(here):
    done = call("plan", "scan.json", "-i", "hosts.yml")

    assert done.exit_code == 1
    assert (
        "ansible-playbook -i hosts.yml playbooks/close-relay.yml -l mx1.example.org --tags relay-closed"
        in done.output
    )


def test_a_scan_with_nothing_open_needs_nothing(here):
    (here / "scan.json").write_text(json.dumps(REPORT).replace('"failed"', '"passed"'), encoding="utf-8")

    done = call("plan", "scan.json", "-i", "hosts.yml")

    assert (done.exit_code, done.output) == (0, "Nothing to repair.\n")


def test_a_scan_that_saw_nothing_is_incomplete_and_not_clean(here):
    (here / "scan.json").write_text(json.dumps(REPORT).replace('"failed"', '"unknown"'), encoding="utf-8")

    assert call("plan", "scan.json", "-i", "hosts.yml").exit_code == 3


def test_a_repair_with_nothing_to_do_and_something_unseen_is_incomplete_too(here):
    (here / "scan.json").write_text(json.dumps(REPORT).replace('"failed"', '"unknown"'), encoding="utf-8")

    done = call("fix", "scan.json", "-i", "hosts.yml", "--yes")

    assert done.exit_code == 3
    assert "1 questions had no answer" in done.stderr


def test_json_and_shell_are_written_to_standard_output_alone(here):
    made = json.loads(call("plan", "scan.json", "-i", "hosts.yml", "--format", "json").stdout)

    assert [step["playbook"] for step in made["steps"]] == ["close-relay"]
    assert call("plan", "scan.json", "-i", "hosts.yml", "--format", "sh").stdout.startswith("#!/bin/sh\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("scan.json",), "give -i FILE"),
        (("scan.json", "mx2.example.org", "-i", "hosts.yml"), "either one saved scan or targets"),
        (("none.json", "-i", "hosts.yml"), "none.json: No such file or directory"),
        (("hosts.yml", "-i", "hosts.yml"), "hosts.yml: not JSON"),
        (("scan.json", "-i", "nowhere.yml"), "nowhere.yml: no such inventory"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_sentence(here, words, sentence):
    done = call("plan", *words)

    assert done.exit_code == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_repair_without_a_person_or_consent_is_refused_and_changes_nothing(here):
    before = sorted(Path(here).rglob("*"))
    done = call("fix", "scan.json", "-i", "hosts.yml")

    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert sorted(Path(here).rglob("*")) == before


def test_a_host_in_check_only_is_left_alone_and_said(here):
    (here / "hosts.yml").write_text(
        "mail_hosts: {hosts: {mx1.example.org: {}}}\ncheck_only: {hosts: {mx1.example.org: {}}}\n",
        encoding="utf-8",
    )

    done = call("fix", "scan.json", "-i", "hosts.yml", "--yes")

    assert done.exit_code == 1
    assert "mx1.example.org is in the group check_only" in done.output
    assert not (here / "fixes").exists()
