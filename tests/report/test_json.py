import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

import auditor.report
from auditor.model import Status
from auditor.report.json import render
from tests.report.scans import FULL, finding, scan

SCHEMA = json.loads((Path(auditor.report.__file__).parent / "scan.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def test_the_published_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_a_report_with_every_status_keeps_to_the_published_schema():
    VALIDATOR.validate(json.loads(render(FULL)))


def test_an_empty_scan_keeps_to_it_too():
    VALIDATOR.validate(json.loads(render(scan())))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "auditor.scan/2"),
        (("started",), "yesterday"),
        (("targets", 0, "findings", 0, "status"), "ok"),
        (("targets", 0, "findings", 0, "remedy"), {}),
        (("targets", 0, "findings", 0, "reason"), "timeout"),
        (("targets", 0, "findings", 4, "reason"), None),
        (("targets", 0, "findings", 0, "observed"), [{"nested": {}}]),
        (("targets", 0, "subjects", 0, "kind"), "network"),
    ],
)
def test_the_schema_refuses_what_is_none_of_ours(path, value):
    report = json.loads(render(FULL))
    at = report
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(ValidationError):
        VALIDATOR.validate(report)


def test_the_summary_counts_every_status_once():
    summary = json.loads(render(FULL))["summary"]
    assert summary == {
        "failed": 4,
        "crash": 1,
        "unknown": 2,
        "passed": 1,
        "not-applicable": 1,
        "accepted": 1,
    }


def test_a_finding_looks_as_programs_outside_expect_it():
    report = json.loads(render(scan(finding("relay-closed", observed=({"vector": "R01"},)))))
    assert report["targets"][0]["findings"][0] == {
        "check": "relay-closed",
        "title": "Mail for strangers is refused",
        "family": "relay",
        "subject": "mx1.example.org",
        "subject_kind": "host",
        "status": "failed",
        "severity": "critical",
        "summary": "RCPT for a foreign address was accepted on port 25 over IPv4",
        "observed": [{"vector": "R01"}],
        "reason": None,
        "remedy": {"playbook": "close-relay", "tags": ["relay-closed"]},
        "runbook": "open-relay",
        "references": ["RFC 5321 section 7.9"],
        "accepted": None,
        "trace": None,
    }


def test_the_report_is_printable_ascii_whatever_a_target_said():
    assert all(char == "\n" or " " <= char <= "~" for char in render(FULL))


def test_the_reason_of_an_unknown_is_one_word():
    report = json.loads(render(scan(finding("relay-closed", Status.UNKNOWN))))
    assert report["targets"][0]["findings"][0]["reason"] == "timeout"
