"""A scan as OpenMetrics text, for a node exporter's textfile directory: alert on what failed, and on what went unseen."""

from auditor.model import Status
from auditor.report.wording import visible
from auditor.scan import Scan

VALUES = {Status.PASSED: 0, Status.NOT_APPLICABLE: 0, Status.FAILED: 1, Status.UNKNOWN: 2, Status.CRASH: 3}


def render(scan: Scan) -> str:
    """0 right or not applicable, 1 failed, 2 not seen, 3 crashed; and when it was looked."""
    lines = [
        "# TYPE auditor_check gauge",
        "# HELP auditor_check 0 right or not applicable, 1 failed, 2 not seen, 3 crashed.",
    ]
    for finding in scan.findings:
        labels = {
            "check": finding.check,
            "family": finding.family.value,
            "subject": finding.subject,
            "severity": finding.severity.value,
            "status": finding.status.value,
            "accepted": "yes" if finding.accepted else "no",
        }
        told = ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items())
        lines.append(f"auditor_check{{{told}}} {VALUES[finding.status]}")
    lines += [
        "# TYPE auditor_scan_finished_seconds gauge",
        "# UNIT auditor_scan_finished_seconds seconds",
        f"auditor_scan_finished_seconds {scan.record.finished.timestamp():.3f}",
        "# TYPE auditor_scan_duration_seconds gauge",
        "# UNIT auditor_scan_duration_seconds seconds",
        f"auditor_scan_duration_seconds {scan.seconds:.3f}",
        "# EOF",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return visible(text).replace("\\", r"\\").replace('"', r"\"")
