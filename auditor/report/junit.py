"""A scan as JUnit XML, which every CI server shows: failed is a failure, not seen an error, not applicable skipped."""

from xml.sax.saxutils import escape, quoteattr

from auditor.model import Finding, Status
from auditor.report.json import stamp
from auditor.report.wording import Lines, observation, visible
from auditor.scan import Scan, TargetFindings


def render(scan: Scan, lines: Lines) -> str:
    """One suite for each target, one case for each check and subject."""
    suites = "".join(_suite(target, scan, lines) for target in scan.targets)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="auditor">\n{suites}</testsuites>\n'


def _suite(target: TargetFindings, scan: Scan, lines: Lines) -> str:
    counts = {status: sum(f.status is status for f in target.findings) for status in Status}
    failures = sum(f.status is Status.FAILED and f.accepted is None for f in target.findings)
    head = {
        "name": visible(target.target),
        "tests": str(len(target.findings)),
        "failures": str(failures),
        "errors": str(counts[Status.UNKNOWN] + counts[Status.CRASH]),
        "skipped": str(len([f for f in target.findings if _skipped(f)])),
        "timestamp": stamp(scan.record.started),
        "time": f"{scan.seconds:.3f}",
    }
    cases = "".join(_case(finding, target, lines) for finding in target.findings)
    return f"<testsuite{_attributes(head)}>\n{cases}</testsuite>\n"


def _skipped(finding: Finding) -> bool:
    return finding.status is Status.NOT_APPLICABLE or finding.accepted is not None


def _attributes(named: dict[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in named.items())


def _case(finding: Finding, target: TargetFindings, lines: Lines) -> str:
    head = _attributes({"classname": f"{finding.family}.{visible(finding.subject)}", "name": finding.check})
    said = {"message": visible(finding.accepted or finding.summary)}
    if _skipped(finding):
        inside = f"<skipped{_attributes(said)}/>"
    elif finding.status is Status.FAILED:
        said["type"] = finding.severity.value
        inside = f"<failure{_attributes(said)}>{escape(_detail(finding, target, lines))}</failure>"
    elif finding.status is Status.PASSED:
        inside = ""
    else:
        said["type"] = str(finding.reason or "crash")
        inside = f"<error{_attributes(said)}>{escape(finding.trace or '')}</error>"
    return f"<testcase{head}>{inside}</testcase>\n"


def _detail(finding: Finding, target: TargetFindings, lines: Lines) -> str:
    repair = " ".join(lines.fix(finding, target.subjects)) or lines.by_hand(finding)
    return "\n".join(
        [
            *map(observation, finding.observed),
            f"Fix: {repair}",
            "Guide: " + " ".join(lines.guide(finding, target.subjects)),
        ]
    )
