"""A saved report is read back, and anything else is refused with one sentence."""

import json

import pytest

from auditor.model import Severity, Status
from auditor.remedy.scanned import NotAScan, read_scan

REPORT = {
    "schema": "auditor.scan/1",
    "targets": [
        {
            "target": "mx1.example.org",
            "subjects": [
                {"kind": "host", "name": "mx1.example.org"},
                {"kind": "domain", "name": "example.org"},
            ],
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
                },
                {
                    "check": "reverse-dns-confirmed",
                    "family": "dns",
                    "subject": "example.org",
                    "status": "failed",
                    "severity": "high",
                    "summary": "no PTR",
                    "remedy": {"by_hand": "ask the provider"},
                    "runbook": "destination-refuses",
                },
            ],
        }
    ],
}


def test_findings_come_back_with_their_remedy_and_their_kind_of_subject():
    relay, ptr = read_scan(json.dumps(REPORT)).results

    assert (relay.playbook, relay.status, relay.severity) == (
        "close-relay",
        Status.FAILED,
        Severity.CRITICAL,
    )
    assert (ptr.by_hand, ptr.subject_kind) == ("ask the provider", "domain")


def test_a_domain_is_served_by_the_hosts_of_its_target():
    assert read_scan(json.dumps(REPORT)).hosts_of_domain == (("example.org", ("mx1.example.org",)),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not JSON"),
        ("[]", "not a report"),
        ("{}", "not a report"),
        ('{"schema": "auditor.scan/9"}', "is not auditor.scan/1"),
        (json.dumps(REPORT | {"targets": [{"target": "x"}]}), "not a report"),
        (json.dumps(REPORT).replace('"failed"', '"mended"'), "not a report"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(NotAScan, match=sentence):
        read_scan(text)
