from datetime import UTC, datetime, timedelta

import pytest

from auditor.checks import backup_recent, restore_rehearsed
from auditor.evidence.backups import BackupRun, Backups, parse_traces
from auditor.evidence.processes import Process, ProcessTable
from auditor.inside.backups import backups
from auditor.inside.command import Output
from auditor.model import Declared, Failed, Host, Inconclusive, Moment, NotApplicable, Passed, Reason
from auditor.net import CannotLook

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
NOTHING = ProcessTable()


def ago(**span):
    return int((NOW - timedelta(**span)).timestamp())


def verdict(*lines, check=backup_recent, table=NOTHING, roles=(), **said):
    host = Host(name="mx1.example.org", declared=Declared(roles=roles, backup=tuple(said.items())))
    return check.judge(parse_traces("\n".join(lines), table), host, Moment(NOW))


def test_a_backup_of_last_night_passes_and_the_newest_counts():
    found = verdict(f"run|restic|{ago(days=40)}", f"run|borg|{ago(hours=25)}")
    assert isinstance(found, Passed)
    assert found.summary == "borg succeeded 25 hours ago"


def test_a_backup_that_stopped_a_week_ago_fails():
    found = verdict(f"run|restic|{ago(days=7)}")
    assert isinstance(found, Failed)
    assert found.observed == ({"program": "restic", "days ago": 7.0},)


def test_another_program_that_stands_still_is_mended_by_hand_and_only_our_own_by_the_playbook():
    assert "journalctl" in verdict(f"run|restic|{ago(days=7)}").by_hand
    assert verdict(f"run|backup-succeeded|{ago(days=7)}").by_hand is None


def test_a_unit_that_failed_fails_whatever_the_inventory_says():
    assert isinstance(verdict("failed|restic.service"), Failed)
    assert isinstance(verdict("failed|restic.service", seen="2026-11-20"), Failed)
    assert isinstance(verdict("failed|restic.service", f"run|borg|{ago(hours=3)}"), Passed)


@pytest.mark.parametrize(
    ("seen", "kind"), [("2026-11-01", Passed), ("2026-09-01", Failed), ("last week", Inconclusive)]
)
def test_who_makes_it_elsewhere_has_to_have_seen_a_good_one_this_month(seen, kind):
    found = verdict(by="snapshots of the hypervisor", seen=seen)
    assert isinstance(found, kind)
    if kind is not Inconclusive:
        assert "hypervisor" in found.summary


def test_an_old_trace_of_a_program_that_was_replaced_is_outweighed_by_the_inventory():
    assert isinstance(verdict(f"run|restic|{ago(days=700)}", seen="2026-11-20"), Passed)


def test_nothing_seen_and_nothing_said_is_a_question_to_the_operator():
    found = verdict()
    assert isinstance(found, Inconclusive)
    assert (found.reason, backup_recent.CHECK.asks) == (Reason.NOT_DECLARED, "mail_backup")


@pytest.mark.parametrize("traces", [["scheduled|borgmatic"], []])
def test_a_program_whose_success_is_known_elsewhere_alone_is_no_pass(traces):
    agent = Process(pid=9, parent=1, user="root", command="x", executable="/usr/sbin/bacula-fd")
    found = verdict(*traces, table=ProcessTable(processes=(agent,)))
    assert isinstance(found, Inconclusive)
    assert ("borgmatic" if traces else "bacula-fd") in found.summary


def test_a_null_client_keeps_no_mail():
    assert isinstance(verdict(roles=("null-client",)), NotApplicable)
    assert isinstance(verdict(roles=("null-client",), check=restore_rehearsed), NotApplicable)


@pytest.mark.parametrize(
    "line", ["run|restic", "run|restic|soon", "run|restic|-5", "restored|x", "junk", "|||"]
)
def test_lines_that_make_no_sense_are_no_backup(line):
    assert parse_traces(line, NOTHING) == Backups()


def test_a_host_that_did_not_answer_has_no_absence_of_backups():
    with pytest.raises(CannotLook):
        backups(Output(command="backup-traces", exit_code=-1, problem=Reason.TIMEOUT), NOTHING)


def test_a_clock_that_runs_ahead_makes_no_negative_age():
    assert verdict(f"run|restic|{ago(hours=-1)}").summary == "restic succeeded 0 hours ago"
    assert Backups(runs=(BackupRun(tool="a", at=1.0), BackupRun(tool="b", at=2.0))).newest.tool == "b"
