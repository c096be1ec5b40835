"""Every mail listener belongs to a supervised unit.

A daemon that was started by hand answers like any other, so nothing looks wrong until the session ends, the machine
boots or the process dies. Then mail stops, and `systemctl start` may even refuse because "it is already running".
It is the cause of a real outage of a mail filter whose policy service had been started by hand months before.
Told from the listening socket to its process, its control group and the unit: a parent process of 1 proves nothing.
"""

from auditor.evidence.units import Keeper, MailServices
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict

_STRAY = {Keeper.LOGIN, Keeper.JOB, Keeper.NOBODY}


def judge(services: MailServices) -> Verdict:
    """Strays are daemons in a login session, in a job's group, or in none."""
    if not services.running:
        return NotApplicable("no daemon holds a mail port")
    strays = tuple(service for service in services.running if service.keeper in _STRAY)
    if not strays:
        return Passed(f"{len(services.running)} mail daemons, each kept by a unit or another supervisor")
    return Failed(
        ", ".join(f"{service.name} was {_how(service.keeper)}" for service in strays),
        tuple(
            {
                "service": service.name,
                "pid": service.pid,
                "ports": " ".join(map(str, service.ports)),
                "kept by": service.keeper.value,
                "in": service.keeper_name,
            }
            for service in strays
        ),
    )


def _how(keeper: Keeper) -> str:
    return keeper.value if keeper is not Keeper.NOBODY else "started outside every unit"


CHECK = Check.of(
    judge,
    family=Family.SUPERVISION,
    severity=Severity.HIGH,
    remedy=Playbook("supervision"),
    runbook="silent-failure",
    references=("systemd.service(5)", "cgroups(7)"),
)
