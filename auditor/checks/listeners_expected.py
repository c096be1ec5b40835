"""Only the services of a mail host listen to the world.

Databases, panels, caches and milters that listen on every address are how mail hosts are taken over.
"""

from auditor.evidence.processes import ProcessTable
from auditor.model import ByHand, Check, Failed, Family, Observation, Passed, Severity, Verdict

EXPECTED = {22, 25, 53, 80, 110, 143, 443, 465, 587, 993, 995, 4190}


def judge(table: ProcessTable) -> Verdict:
    """TCP, on any address but loopback. SSH is expected wherever sshd listens."""
    rows: list[Observation] = []
    for listener in table.listeners:
        names = {
            process.executable.rpartition("/")[2] or process.command for process in table.owners(listener)
        }
        if (
            listener.kind == "tcp"
            and listener.public
            and listener.port not in EXPECTED
            and "sshd" not in names
        ):
            rows.append(
                {"port": listener.port, "address": listener.address, "program": " ".join(sorted(names))}
            )
    if rows:
        return Failed(
            f"{len(rows)} unexpected listeners: "
            + ", ".join(f"{r['program']} on {r['port']}" for r in rows[:5]),
            tuple(rows),
        )
    return Passed("only mail, web, name service and SSH listen to the world")


CHECK = Check.of(
    judge,
    family=Family.HOST,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "For each: bind it to 127.0.0.1 or a Unix socket, stop it, or allow it in the packet filter to those who need it."
    ),
    runbook="host-compromise",
    references=("ss(8)",),
)
