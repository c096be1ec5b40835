"""No update waits for a restart.

A library or kernel that was replaced on disk still runs as it was, hole included, until its process starts anew.
"""

from auditor.evidence.processes import ProcessTable
from auditor.evidence.system import Updates
from auditor.model import ByHand, Check, Failed, Family, Passed, Severity, Unavailable, Verdict


def judge(table: ProcessTable, updates: Updates | Unavailable) -> Verdict:
    """The system's own flag, and processes whose file was replaced."""
    stale = sorted(
        {process.executable for process in table.processes if process.replaced and process.executable}
    )
    flagged = not isinstance(updates, Unavailable) and updates.reboot_required
    if flagged or stale:
        rows = tuple({"runs a file that was replaced": path} for path in stale)
        return Failed(
            "a reboot is asked for" if flagged else f"{len(stale)} programs wait for a restart", rows
        )
    return Passed("nothing waits for a restart")


CHECK = Check.of(
    judge,
    family=Family.HOST,
    severity=Severity.LOW,
    remedy=ByHand("Restart the named services, or reboot in a maintenance window; then scan again."),
    runbook="maintenance-round",
    references=("needrestart(1)",),
)
