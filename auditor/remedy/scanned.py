"""What a scan found, as the plan needs it: from findings in memory or from a saved auditor.scan/1 report."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from auditor.model import ByHand, Finding, Observation, Playbook, Severity, Status

SCHEMA = "auditor.scan/1"


class NotAScan(ValueError):
    """The text is no report of ours. The message is one sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of a scan: what was asked about whom, how it ended, what repairs it."""

    check: str
    subject_kind: str
    subject: str
    status: Status
    severity: Severity
    summary: str
    playbook: str | None = None
    by_hand: str | None = None
    runbook: str = ""
    accepted: bool = False
    reason: str | None = None
    """Why it could not be seen: a value of model.Reason."""
    observed: tuple[Observation, ...] = field(default=(), hash=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """Same question, same subject: what two scans are compared by."""
        return self.check, self.subject_kind, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """All results of a scan, and which hosts were looked at together with which domains."""

    results: tuple[Result, ...]
    hosts_of_domain: tuple[tuple[str, tuple[str, ...]], ...] = ()
    targets: tuple[str, ...] = ()


def from_findings(findings: Iterable[Finding]) -> tuple[Result, ...]:
    """The same view of findings that have not left the process."""
    return tuple(
        Result(
            check=finding.check,
            subject_kind=finding.subject_kind,
            subject=finding.subject,
            status=finding.status,
            severity=finding.severity,
            summary=finding.summary,
            playbook=finding.remedy.name if isinstance(finding.remedy, Playbook) else None,
            by_hand=finding.remedy.steps if isinstance(finding.remedy, ByHand) else None,
            runbook=finding.runbook,
            accepted=finding.accepted is not None,
            reason=finding.reason.value if finding.reason else None,
            observed=finding.observed,
        )
        for finding in findings
    )


def read_scan(text: str) -> Scanned:
    """Parse a saved report. Raises NotAScan."""
    try:
        report = json.loads(text)
        if report["schema"] != SCHEMA:
            raise NotAScan(f"schema {report['schema']!r} is not {SCHEMA}")
        return _read_targets(report["targets"])
    except json.JSONDecodeError as error:
        raise NotAScan(f"not JSON (line {error.lineno}: {error.msg})") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, NotAScan):
            raise
        raise NotAScan(f"not a report of auditor scan --format json ({error})") from None


def _read_targets(targets: list[dict[str, Any]]) -> Scanned:
    results: dict[tuple[str, str, str], Result] = {}
    served: dict[str, list[str]] = {}
    for target in targets:
        hosts = [s["name"] for s in target["subjects"] if s["kind"] == "host"]
        kinds = {s["name"]: s["kind"] for s in target["subjects"]}
        for subject in target["subjects"]:
            if subject["kind"] == "domain":
                known = served.setdefault(subject["name"], [])
                known.extend(host for host in subject.get("hosts", hosts) if host not in known)
        for finding in target["findings"]:
            result = _read_result(finding, kinds)
            results[result.key] = result
    return Scanned(
        results=tuple(results.values()),
        hosts_of_domain=tuple((domain, tuple(names)) for domain, names in served.items()),
        targets=tuple(target["target"] for target in targets),
    )


def _read_result(finding: dict[str, Any], kinds: dict[str, str]) -> Result:
    remedy = finding["remedy"] or {}
    return Result(
        check=finding["check"],
        subject_kind=finding.get("subject_kind") or kinds.get(finding["subject"], "host"),
        subject=finding["subject"],
        status=Status(finding["status"]),
        severity=Severity(finding["severity"]),
        summary=finding["summary"],
        playbook=remedy.get("playbook"),
        by_hand=remedy.get("by_hand"),
        runbook=finding.get("runbook") or "",
        accepted=bool(finding.get("accepted")),
        reason=finding.get("reason"),
        observed=tuple(dict(row) for row in finding.get("observed") or ()),
    )
