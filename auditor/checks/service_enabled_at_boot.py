"""Mail services start at boot.

A service that runs but is not enabled is a stopped service after the next kernel update. Judged by what pulls the unit
in at boot, not by one word of `is-enabled`: Debian 12's real Postfix unit (postfix@-) is generated below postfix.service,
and units made from SysV scripts are "generated".
"""

from auditor.evidence.units import Keeper, MailServices
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict


def judge(services: MailServices) -> Verdict:
    """Every unit behind a mail port is pulled in by a boot target."""
    units = [service for service in services.running if service.unit is not None]
    strays = [s for s in services.running if s.keeper in {Keeper.LOGIN, Keeper.JOB, Keeper.NOBODY}]
    bad = [service for service in units if not service.starts_at_boot] + strays
    if bad:
        return Failed(
            "does not start at boot: " + ", ".join(service.name for service in bad),
            tuple(
                {
                    "service": s.name,
                    "unit": s.keeper_name,
                    "state": s.unit.file_state if s.unit else s.keeper.value,
                }
                for s in bad
            ),
        )
    if not units:
        return NotApplicable("no mail service runs under a systemd unit")
    return Passed(f"{len(units)} mail services start at boot")


CHECK = Check.of(
    judge,
    family=Family.SUPERVISION,
    severity=Severity.HIGH,
    remedy=Playbook("supervision"),
    runbook="silent-failure",
    references=("systemctl(1), is-enabled",),
)
