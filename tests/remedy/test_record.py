"""The record of a fix survives whatever stops it."""

import json
from datetime import UTC, datetime

import pytest

from auditor.model import Severity, Status
from auditor.remedy.compare import Change, Outcome
from auditor.remedy.plan import Plan, Step
from auditor.remedy.record import Record, cut_off
from auditor.remedy.run import Ran
from auditor.remedy.scanned import Result

AT = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
OPEN = Result(
    check="relay-closed",
    subject_kind="host",
    subject="mx1",
    status=Status.FAILED,
    severity=Severity.CRITICAL,
    summary="open",
    playbook="close-relay",
)
PLAN = Plan(
    steps=(Step(playbook="close-relay", hosts=("mx1",), tags=("relay-closed",), closes=(OPEN,), derived={}),)
)


def read(record):
    return json.loads((record.folder / "record.json").read_text(encoding="utf-8"))


def test_a_cut_in_mid_play_leaves_the_name_of_the_play_that_ran(tmp_path):
    record = Record(tmp_path, AT)
    record.plan(PLAN, ["ansible-playbook ..."])
    record.running("close-relay", ["mx1"])

    assert read(record)["running"] == {"playbook": "close-relay", "hosts": ["mx1"], "done": [], "at": None}
    assert read(record)["state"] == "running"


def test_a_cut_among_several_hosts_says_which_one_was_where_and_the_next_fix_reads_it(tmp_path):
    record = Record(tmp_path, AT)
    record.plan(PLAN, [])
    assert cut_off(tmp_path) is None, "nothing has run"

    record.running("close-relay", ["mx1", "mx2", "mx3"])
    record.at("mx1")
    record.at("mx2")

    assert read(record)["running"]["done"] == ["mx1"]
    assert read(record)["running"]["at"] == "mx2"
    assert cut_off(tmp_path) == "while close-relay was at mx2 (done: mx1; not begun: mx3)"


def test_a_cut_between_two_playbooks_names_none(tmp_path):
    record = Record(tmp_path, AT)
    record.running("close-relay", ["mx1"])
    record.at("mx1")
    record.ran(Ran(playbook="close-relay", hosts=("mx1",), check_mode=False, status="successful", changed={}))

    assert cut_off(tmp_path) == "between two playbooks or before its last scan"


def test_only_the_newest_fix_counts_as_cut_off(tmp_path):
    Record(tmp_path, AT).running("close-relay", ["mx1"])
    later = Record(tmp_path, AT.replace(minute=5))
    later.running("close-relay", ["mx1"])
    later.finished([], AT)

    assert cut_off(tmp_path) is None


def test_a_record_that_cannot_be_read_stops_no_fix(tmp_path):
    assert cut_off(tmp_path / "nowhere") is None
    record = Record(tmp_path, AT)
    record.keep("record.json", "{half")

    assert cut_off(tmp_path) is None


def test_the_end_names_what_became_of_each_finding(tmp_path):
    record = Record(tmp_path, AT)
    record.plan(PLAN, [])
    record.running("close-relay", ["mx1"])
    record.ran(
        Ran(playbook="close-relay", hosts=("mx1",), check_mode=False, status="successful", changed={"mx1": 2})
    )
    record.finished([Change(before=OPEN, after=OPEN, outcome=Outcome.STILL_OPEN)], AT)

    kept = read(record)
    assert kept["state"] == "finished"
    assert "running" not in kept
    assert kept["runs"][0]["changed"] == {"mx1": 2}
    assert kept["outcomes"][0]["outcome"] == "still open"


def test_only_its_owner_can_read_it(tmp_path):
    assert Record(tmp_path, AT).folder.stat().st_mode & 0o777 == 0o700


def test_a_second_fix_in_the_same_second_does_not_overwrite_the_first(tmp_path):
    Record(tmp_path, AT)

    with pytest.raises(FileExistsError):
        Record(tmp_path, AT)
