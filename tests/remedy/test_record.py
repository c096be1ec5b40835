"""The record of a fix survives whatever stops it."""

import json
from datetime import UTC, datetime

import pytest

from auditor.model import Severity, Status
from auditor.remedy.compare import Change, Outcome
from auditor.remedy.plan import Plan, Step
from auditor.remedy.record import Record
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

    assert read(record)["running"] == {"playbook": "close-relay", "hosts": ["mx1"]}
    assert read(record)["state"] == "running"


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
