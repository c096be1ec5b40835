"""Timers that mail depends on run.

Log rotation, certificate renewal and package updates happen unseen; when their timer is off or their last run failed,
the disk fills, the certificate expires or a hole stays open weeks later, on a day when nobody changed anything.
"""

from auditor.evidence.units import Unit, UnitTable
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict

WATCHED = ("logrotate.timer", "certbot.timer", "apt-daily.timer", "apt-daily-upgrade.timer")


def judge(units: UnitTable) -> Verdict:
    """Installed timers must be active, start at boot, and their service's last run must not have failed."""
    timers = [unit for name in WATCHED if (unit := units.unit(name)) is not None]
    bad = [(timer, fault) for timer in timers if (fault := _fault(timer, units))]
    if bad:
        return Failed(
            "; ".join(f"{timer.id} {fault}" for timer, fault in bad),
            tuple({"timer": timer.id, "fault": fault, "state": timer.active} for timer, fault in bad),
        )
    if not timers:
        return NotApplicable("none of the known timers is installed")
    return Passed(f"{len(timers)} timers are active and their last runs did not fail")


def _fault(timer: Unit, units: UnitTable) -> str:
    service = units.unit(timer.id.replace(".timer", ".service"))
    if timer.active != "active":
        return "is not active"
    if not units.starts_at_boot(timer):
        return "does not start at boot"
    return "starts a service that failed" if service is not None and service.active == "failed" else ""


CHECK = Check.of(
    judge,
    family=Family.SUPERVISION,
    severity=Severity.MEDIUM,
    remedy=Playbook("supervision"),
    runbook="silent-failure",
    references=("systemd.timer(5)",),
)
