"""Security updates are installed.

From the day on which an update is published, everybody can read in it how to attack the hosts that do not have it.
Judged by the lists of the security archive that the host has. Lists older than a week prove nothing, and that is a finding too.
"""

from auditor.evidence.system import Updates
from auditor.model import Check, Failed, Family, Inconclusive, Passed, Playbook, Reason, Severity, Verdict

OLD = 7 * 86400.0


def judge(updates: Updates) -> Verdict:
    """Nothing is fetched: an empty list of updates counts only while the lists are young."""
    waiting = tuple({"package": name, "version": version} for name, version in updates.waiting)
    if waiting:
        return Failed(
            f"{len(waiting)} security updates wait: " + ", ".join(row["package"] for row in waiting[:5]),
            waiting,
        )
    if updates.lists_age is None or not updates.archive_known:
        return Inconclusive("the host has no list of a security archive", Reason.UNSUPPORTED)
    days = updates.lists_age / 86400
    if updates.lists_age > OLD:
        return Failed(f"the lists of packages are {days:.0f} days old", ({"days": round(days)},))
    return Passed("no security update waits", ({"lists fetched days ago": round(days, 1)},))


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.HIGH,
    remedy=Playbook("updates"),
    runbook="maintenance-round",
    references=("apt-get(8)",),
)
