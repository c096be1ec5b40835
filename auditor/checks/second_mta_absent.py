"""One mail program runs, not two.

A second one, left over from a migration or pulled in by a package, holds a port, a queue and the name `sendmail`, has a
configuration that nobody watches, and after the next boot may be the one that answers.
"""

from auditor.evidence.mta import MtaRunning
from auditor.model import ByHand, Check, Failed, Family, NotApplicable, Passed, Severity, Value, Verdict


def judge(running: MtaRunning) -> Verdict:
    """Counted from running daemons and listeners, not from installed packages."""
    names = sorted({daemon.mta.value for daemon in running.daemons} | {name for _, name in running.strangers})
    if len(names) > 1:
        rows: list[dict[str, Value]] = [
            {"program": d.mta.value, "pid": d.pid, "ports": " ".join(map(str, d.ports))}
            for d in running.daemons
        ]
        rows += [{"program": name, "pid": None, "ports": str(port)} for port, name in running.strangers]
        return Failed(f"{len(names)} mail programs run: {', '.join(names)}", tuple(rows))
    return Passed(f"only {names[0]} runs") if names else NotApplicable("no mail program runs")


CHECK = Check.of(
    judge,
    family=Family.SUPERVISION,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Decide which program is to stay. Empty the other one's queue first (`postqueue -p`, `exim4 -bp`, `mailq`, "
        "`smtpctl show queue`), then `systemctl disable --now` its unit and remove its package."
    ),
    runbook="silent-failure",
    references=("Debian Policy 11.6",),
)
