"""Exit codes, the same for every command that judges."""

from collections.abc import Iterable
from enum import IntEnum

from auditor.model import Finding, Severity, Status


class Exit(IntEnum):
    """Precedence: CRASH, then FINDINGS, then INCOMPLETE, then CLEAN. A host that cannot be reached is INCOMPLETE."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    CRASH = 4


def exit_code(findings: Iterable[Finding], *, fail_on: Severity, allow_unknown: bool) -> Exit:
    """What a scan ends with."""
    open_ones = [finding for finding in findings if finding.accepted is None]
    seen = {finding.status for finding in open_ones}
    if Status.CRASH in seen:
        return Exit.CRASH
    if any(f.status is Status.FAILED and f.severity.rank <= fail_on.rank for f in open_ones):
        return Exit.FINDINGS
    if Status.UNKNOWN in seen and not allow_unknown:
        return Exit.INCOMPLETE
    return Exit.CLEAN
