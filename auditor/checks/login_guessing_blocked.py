"""Password guessing is slowed by bans.

A mailbox password that is guessed is the usual way to a spam run through a good server.
"""

from auditor.evidence.mta import MtaRunning
from auditor.evidence.processes import ProcessTable
from auditor.evidence.system import GuessingGuard
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict

MAIL = ("postfix", "exim", "dovecot", "sendmail", "smtp", "sasl", "courier", "cyrus")


def judge(guard: GuessingGuard, table: ProcessTable, running: MtaRunning) -> Verdict:
    """A guard that runs, and where it tells its jails, one of them for mail."""
    row = ({"program": guard.program, "jails": " ".join(guard.jails)},)
    if not guard.program:
        return Failed("nothing bans addresses after failed logins", row)
    if guard.program != "fail2ban" or any(word in jail for jail in guard.jails for word in MAIL):
        return Passed(f"{guard.program} watches logins", row)
    if not running.daemons and not any(listener.port in {143, 993, 110, 995} for listener in table.listeners):
        return Passed("fail2ban runs, and there is no mail login to watch", row)
    return Failed("fail2ban runs, but no jail is for mail", row)


CHECK = Check.of(
    judge,
    family=Family.ACCESS,
    severity=Severity.MEDIUM,
    remedy=Playbook("login-guessing"),
    runbook="mailbox-takeover",
    references=("RFC 4954 9", "fail2ban-client(1)"),
)
