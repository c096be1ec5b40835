"""The system gets security updates.

A mail server is reachable by everybody; a hole that is published after the end of support stays open.
"""

from auditor.evidence.system import Release
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Inconclusive,
    Moment,
    Passed,
    Reason,
    Severity,
    Verdict,
)


def judge(release: Release, moment: Moment) -> Verdict:
    """Against a table of dates."""
    ends = release.security_ends
    if ends is None:
        return Inconclusive(
            f"{release.name or release.id} is not in the table of releases", Reason.UNSUPPORTED
        )
    row = ({"release": release.name, "security updates end": ends.isoformat()},)
    if moment.taken_at.date() > ends:
        return Failed(f"{release.name} has had no security updates since {ends}", row)
    return Passed(f"{release.name} gets security updates until {ends}", row)


CHECK = Check.of(
    judge,
    family=Family.HOST,
    severity=Severity.CRITICAL,
    remedy=ByHand(
        "Plan the upgrade to the next release with a maintenance round; rehearse it on a copy. One release at a time."
    ),
    runbook="maintenance-round",
    references=("https://wiki.debian.org/LTS",),
)
