"""A scan as JSON: schema auditor.scan/1, published beside this file as scan.schema.json."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from auditor import __version__
from auditor.evidence.mta_package import MtaPackage
from auditor.model import ByHand, Finding, Host, Playbook, Remedy, Status, Subject
from auditor.scan import Scan

SCHEMA = "auditor.scan/1"


def render(scan: Scan) -> str:
    """The whole scan. ASCII only, so that no terminal and no log is written to by a target."""
    return json.dumps(document(scan), indent=1) + "\n"


def document(scan: Scan) -> dict[str, Any]:
    """The same as plain values."""
    record = scan.record
    return {
        "schema": SCHEMA,
        "tool": {"name": "auditor", "version": __version__},
        "started": stamp(record.started),
        "finished": stamp(record.finished),
        "vantage": {
            "addresses": list(record.vantage.addresses),
            "helo": record.vantage.helo,
            "assume_outside": record.vantage.assume_outside,
            "looked": record.look.value,
        },
        "targets": [
            {
                "target": target.target,
                "subjects": [_subject(subject, scan) for subject in target.subjects],
                "findings": [_finding(finding) for finding in target.findings],
            }
            for target in scan.targets
        ],
        "not_looked": [{"subject": name, "checks": count} for name, count in scan.not_looked],
        "questions": [
            {"check": q.check, "subject": q.subject, "variable": q.variable, "summary": q.summary}
            for q in scan.questions
        ],
        "remarks": list(scan.remarks),
        "summary": summary(scan),
    }


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def summary(scan: Scan) -> dict[str, int]:
    """How many findings of each status; accepted ones are counted as failed and, besides, as accepted."""
    counts = Counter(finding.status for finding in scan.findings)
    return {
        **{status.value: counts[status] for status in Status},
        "accepted": sum(finding.accepted is not None for finding in scan.findings),
    }


def _subject(subject: Subject, scan: Scan) -> dict[str, Any]:
    if isinstance(subject, Host):
        return {
            "kind": "host",
            "name": subject.name,
            "addresses": list(scan.addresses(subject)),
            "mta": scan.mta(subject),
            "mta_package": _package(scan.mta_package(subject)),
            "release": scan.release(subject),
            "domains": list(subject.domains),
        }
    return {"kind": "domain", "name": subject.name, "hosts": list(subject.hosts)}


def _package(package: MtaPackage | None) -> dict[str, str] | None:
    if package is None or not package.package:
        return None
    return {"name": package.package, "version": package.version}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "title": finding.title,
        "family": finding.family.value,
        "subject": finding.subject,
        "subject_kind": finding.subject_kind,
        "status": finding.status.value,
        "severity": finding.severity.value,
        "summary": finding.summary,
        "observed": [dict(seen) for seen in finding.observed],
        "reason": finding.reason.value if finding.reason else None,
        "remedy": remedy(finding.remedy, finding.check),
        "runbook": finding.runbook,
        "references": list(finding.references),
        "accepted": finding.accepted,
        "trace": finding.trace,
    }


def remedy(repair: Remedy, check: str) -> dict[str, Any]:
    """Either a playbook with its tags, or what a person has to do."""
    match repair:
        case Playbook(name):
            return {"playbook": name, "tags": [check]}
        case ByHand(steps):
            return {"by_hand": steps}
