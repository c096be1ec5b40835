"""Mail services do not crash again and again.

Automatic restarts hide a failing service: mail flows in the minutes between two crashes. Three or more restarts since
the service was last started, or a unit that failed, show it. An "active (exited)" daemon unit is reported up and dead.
"""

from auditor.evidence.units import MailServices, Unit
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict

BY_HAND = (
    "Read why it ends: journalctl -u UNIT -n 50. Mend that (a typing mistake in its configuration, a missing file or "
    "certificate), then systemctl reset-failed UNIT and systemctl restart UNIT. No playbook can guess the cause."
)
TOLERATED = 2
"""Restarts; a third within one start of the service is a pattern."""


def judge(services: MailServices) -> Verdict:
    """NRestarts and Result of the units behind the mail ports; units that should run but do not."""
    units = [service.unit for service in services.running if service.unit is not None]
    bad = [unit for unit in units if unit.restarts > TOLERATED or unit.result not in {"success", ""}]
    bad += services.down
    if bad:
        return Failed(
            "; ".join(_what(unit) for unit in bad),
            tuple(
                {"unit": u.id, "state": f"{u.active} ({u.sub})", "restarts": u.restarts, "result": u.result}
                for u in bad
            ),
            by_hand=None if all(_merely_stopped(unit) for unit in bad) else BY_HAND,
        )
    if not units:
        return NotApplicable("no mail service runs under a systemd unit")
    return Passed("no mail service was restarted more than twice")


def _merely_stopped(unit: Unit) -> bool:
    """It ended without a fault, so that starting it is the whole repair."""
    return unit.restarts <= TOLERATED and unit.result in {"success", ""} and unit.active != "activating"


def _what(unit: Unit) -> str:
    if unit.restarts > TOLERATED:
        return f"{unit.id} was restarted {unit.restarts} times"
    return (
        f"{unit.id} is {unit.active} ({unit.sub}) and has no process"
        if unit.sub != "running"
        else f"{unit.id} failed"
    )


CHECK = Check.of(
    judge,
    family=Family.SUPERVISION,
    severity=Severity.MEDIUM,
    remedy=Playbook("supervision"),
    runbook="silent-failure",
    references=("systemd.service(5)",),
)
