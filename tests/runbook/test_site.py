"""Playbooks and scans as the engine runs them: what they must say to count, and what their silence means."""

import json
import subprocess
from pathlib import Path

import pytest

from auditor.model import SshTarget
from auditor.runbook import playing
from auditor.runbook import site as module
from auditor.runbook.playbook_step import essence
from auditor.runbook.site import Site, verdict
from auditor.runbook.state import Progress, State
from auditor.runbook.world import Measured
from auditor.transport.remote import CannotReach

RECAP = b"PLAY RECAP ***\nmx1.example.org : ok=5    changed=2    unreachable=0    failed=0    skipped=1\n"


class Programs:
    """Stands for subprocess.run and notes what it was asked for."""

    def __init__(self, monkeypatch, out=b"", code=0, error=None) -> None:
        self.calls: list[list[str]] = []
        self.extra: dict = {}
        self.inventory: dict = {}

        def run(argv, **_kwargs):
            self.calls.append(argv)
            for word in argv:
                if word.startswith("@"):
                    self.extra = json.loads(Path(word[1:]).read_text())
            self.inventory = json.loads(Path(argv[argv.index("-i") + 1]).read_text())
            if error is not None:
                raise error
            return subprocess.CompletedProcess(argv, code, stdout=out, stderr=b"")

        monkeypatch.setattr(module.subprocess, "run", run)
        monkeypatch.setattr(playing, "ended", lambda argv, *_rest: (code, run(argv).stdout))


@pytest.fixture
def site(tmp_path, monkeypatch):
    books = tmp_path / "playbooks"
    books.mkdir()
    (books / "isolate.yml").touch()
    (books / "ansible.cfg").touch()
    monkeypatch.setattr(module.data, "directory", lambda _name: books)
    target = SshTarget(
        host="198.51.100.10",
        user="root",
        key_file=str(tmp_path / "id"),
        known_hosts=str(tmp_path / "known"),
        become=True,
    )
    return Site(host="mx1.example.org", target=target, folder=tmp_path)


def test_a_playbook_runs_on_the_incidents_host_alone_with_values_as_data(site, monkeypatch):
    programs = Programs(monkeypatch, RECAP)
    played = site.play("isolate.yml", {"isolate_level": "L2", "note": "$(id)"}, check_mode=True, limit=9)
    assert (played.good, played.changed) == (True, 2)
    argv = programs.calls[0]
    assert argv[argv.index("-l") + 1] == "mx1.example.org"
    assert "--check" in argv
    assert "$(id)" not in " ".join(argv)
    assert programs.extra == {"isolate_level": "L2", "note": "$(id)"}
    said = programs.inventory["mail_hosts"]["hosts"]["mx1.example.org"]
    assert said["ansible_host"] == "198.51.100.10"
    assert said["ansible_become"] is True


@pytest.mark.parametrize(
    ("out", "code"),
    [(RECAP, 2), (b"PLAY [x]\nskipping: no hosts matched\nPLAY RECAP ***\n", 0), (b"", 0)],
)
def test_a_playbook_that_failed_or_matched_no_host_is_no_success(site, monkeypatch, out, code):
    Programs(monkeypatch, out, code)
    assert site.play("isolate", {}, check_mode=False, limit=9).good is False


def test_a_playbook_that_is_missing_or_never_ends_is_no_success(site, monkeypatch):
    assert "no playbook" in site.play("nothing", {}, check_mode=False, limit=9).output
    Programs(monkeypatch, error=FileNotFoundError("ansible-playbook"))
    assert "could not be started" in site.play("isolate", {}, check_mode=False, limit=9).output
    Programs(monkeypatch, code=None)
    stopped = site.play("isolate", {}, check_mode=False, limit=9)
    assert (stopped.good, stopped.ended) == (False, False)
    assert "stopped after 9 s" in stopped.output


def report(*findings):
    return {
        "targets": [
            {
                "findings": [
                    {"check": "relay-closed", "subject": "mx1.example.org", "summary": "said", **one}
                    for one in findings
                ]
            }
        ]
    }


@pytest.mark.parametrize(
    ("findings", "result"),
    [
        ([{"status": "passed"}], Progress.OK),
        ([{"status": "passed"}, {"status": "not-applicable"}], Progress.OK),
        ([{"status": "failed"}], Progress.FAILED),
        ([{"status": "passed"}, {"status": "failed"}], Progress.FAILED),
        ([{"status": "unknown"}], Progress.UNKNOWN),
        ([{"status": "passed"}, {"status": "unknown"}], Progress.UNKNOWN),
        ([{"status": "crash"}], Progress.UNKNOWN),
        ([{"status": "passed", "check": "other"}], Progress.UNKNOWN),
        ([], Progress.UNKNOWN),
    ],
)
def test_only_a_finding_that_passed_is_ok(findings, result):
    assert verdict(report(*findings), "relay-closed", "mx1.example.org").result is result


def test_a_finding_about_the_host_outweighs_those_about_others():
    found = report({"status": "passed"}, {"status": "failed", "subject": "mx2.example.org"})
    assert verdict(found, "relay-closed", "mx1.example.org").result is Progress.OK


def test_a_scan_that_gives_no_report_is_unknown_and_says_why(site, monkeypatch):
    Programs(monkeypatch, json.dumps(report({"status": "passed"})).encode())
    assert site.scan(["relay-closed"], State())["relay-closed"].result is Progress.OK
    Programs(monkeypatch, b"")
    assert site.scan(["relay-closed"], State())["relay-closed"].result is Progress.UNKNOWN
    Programs(monkeypatch, error=subprocess.TimeoutExpired("auditor", 1))
    assert site.scan(["relay-closed"], State())["relay-closed"].result is Progress.UNKNOWN


def test_several_checks_are_asked_in_one_scan_and_each_gets_its_own_answer(site, monkeypatch):
    found = report({"status": "passed"}, {"status": "failed", "check": "abuse-accepted"})
    programs = Programs(monkeypatch, json.dumps(found).encode())
    seen = site.scan(["relay-closed", "abuse-accepted"], State())
    assert {check: outcome.result for check, outcome in seen.items()} == {
        "relay-closed": Progress.OK,
        "abuse-accepted": Progress.FAILED,
    }
    assert len(programs.calls) == 1


class Broken:
    def run(self, *_args, **_kwargs):
        raise CannotReach("mx1: refused")

    def close(self):
        pass


def test_a_host_that_cannot_be_reached_makes_every_probe_on_it_unknown(site):
    site.remote = Broken()
    state = State(values={"mta": "postfix", "units": "postfix@-.service"})
    assert site.probe("unit.active", {}, state, None).result is Progress.UNKNOWN
    assert site.probe("queue.held", {}, state, Measured(total=1, held=1)).result is Progress.UNKNOWN
    assert site.probe("port.open", {}, state, None).result is Progress.UNKNOWN
    assert site.queue(state) is None


def test_what_a_playbook_changes_is_shown_and_what_it_skips_is_not():
    output = "\nPLAY [Close]\n\nTASK [a]\nok: [mx1]\n\nTASK [b]\n-old\n+new\nchanged: [mx1]\n\nPLAY RECAP\nmx1 : ok=2"
    told = essence(output)
    assert "+new" in told
    assert "TASK [a]" not in told
    assert "PLAY RECAP" in told
    assert essence("nothing known") == "nothing known"
