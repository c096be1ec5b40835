"""Mail services start again after they were killed.

No mail program that Debian 12 or 13 packages sets Restart=, so one crash, one out-of-memory kill, ends the mail until
somebody notices. Restart= alone is not enough: with RemainAfterExit=yes, which systemd gives to units made from SysV
scripts (Exim and Sendmail on Debian 12), the unit stays "active (exited)" after a kill and is never started again.
Also looked at: units of mail programs that should run but have no process, for a dead one cannot be asked.
"""

from auditor.evidence.units import Keeper, MailServices, Service
from auditor.model import (
    Check,
    Failed,
    Family,
    NotApplicable,
    Observation,
    Passed,
    Playbook,
    Severity,
    Verdict,
)


def judge(services: MailServices) -> Verdict:
    """Restart=always or on-failure without RemainAfterExit, or another supervisor that watches it."""
    judged = [service for service in services.running if service.keeper is not Keeper.CONTAINER]
    bad = [_row(service) for service in judged if not service.comes_back]
    bad += [
        {
            "unit": unit.id,
            "Restart": unit.restart,
            "RemainAfterExit": unit.remain_after_exit,
            "state": unit.sub,
        }
        for unit in services.down
        if not unit.comes_back
    ]
    if bad:
        return Failed(
            "not started again after a crash: " + ", ".join(str(row["unit"]) for row in bad), tuple(bad)
        )
    if not judged and not services.down:
        return NotApplicable("no mail service outside a container")
    return Passed("every mail service is started again after a crash")


def _row(service: Service) -> Observation:
    unit = service.unit
    return {
        "unit": unit.id if unit else f"{service.name} (no unit)",
        "Restart": unit.restart if unit else None,
        "RemainAfterExit": unit.remain_after_exit if unit else None,
        "state": unit.sub if unit else service.keeper.value,
    }


CHECK = Check.of(
    judge,
    family=Family.SUPERVISION,
    severity=Severity.HIGH,
    remedy=Playbook("supervision"),
    runbook="silent-failure",
    references=("systemd.service(5), Restart= and RemainAfterExit=",),
)
