"""Helpers of the mail program are up and supervised.

Milters, policy services, the authentication daemon and a local resolver stop the mail as surely as the mail program
itself: the greeting stays green while every recipient gets a temporary failure. Each one that the configuration, the
inventory or resolv.conf names must answer at its place, belong to a unit, start at boot and come back after a crash.
"""

from auditor.evidence.units import Keeper, MailHelpers, Service
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict

RESOLVER_PORT = 53
BY_HAND = (
    "Write a unit for the program that answers there ([Service] ExecStart= in the foreground, User=, Restart=on-failure; "
    "[Install] WantedBy=multi-user.target), end the process, systemctl enable --now the unit. "
    "No playbook knows how a program without a unit is started."
)


def judge(helpers: MailHelpers) -> Verdict:
    """Remote helpers are listed, not judged: they are another host's subject."""
    bad = [(service, fault) for service in helpers.local if (fault := _fault(service))]
    if bad:
        return Failed(
            "; ".join(f"{service.name}: {fault}" for service, fault in bad),
            tuple(
                {"helper": service.name, "fault": fault, "in": service.keeper_name} for service, fault in bad
            ),
            by_hand=BY_HAND if all(_homeless(service) for service, _ in bad) else None,
        )
    if not helpers.local:
        return NotApplicable("the mail program depends on no local helper")
    return Passed(
        f"{len(helpers.local)} helpers are up and supervised",
        tuple({"helper": name, "fault": "on another machine, not judged here"} for name in helpers.remote),
    )


def _homeless(service: Service) -> bool:
    """Started from a shell, and no resolver: those the playbook brings under the unit of their package."""
    return service.keeper in {Keeper.LOGIN, Keeper.JOB} and RESOLVER_PORT not in service.ports


def _fault(service: Service) -> str:
    if service.pid is None:
        return "nothing listens there"
    if service.keeper is Keeper.CONTAINER:
        return ""
    if service.keeper in {Keeper.LOGIN, Keeper.JOB}:
        return f"was {service.keeper.value}"
    if not service.comes_back:
        return "does not come back after a crash"
    if service.unit is not None and not service.starts_at_boot:
        return "does not start at boot"
    return ""


CHECK = Check.of(
    judge,
    family=Family.SUPERVISION,
    severity=Severity.HIGH,
    remedy=Playbook("supervision"),
    runbook="silent-failure",
    references=("systemd.service(5)",),
)
