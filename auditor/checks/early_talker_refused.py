"""Clients that talk before the greeting are refused.

Mail servers wait to be greeted (RFC 5321 section 3.1); many bots do not. Refusing those who talk first, after a
short pause, keeps a good part of spam and of smuggled sessions away at no cost to anybody else.
"""

from auditor.evidence.smtp import SmtpSessions, unseen_doors
from auditor.evidence.synchronisation import EarlyTalk
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Unavailable, Verdict, weigh


def judge(early: EarlyTalk, smtp: SmtpSessions) -> Verdict:
    """Port 25 of every address."""
    served = tuple(
        {"address": trial.address, "reply": str(trial.replies[1])}
        for trial in early.trials
        if trial.executed is True
    )
    return weigh(
        Failed(f"EHLO before the greeting was served on {served[0]['address']}", served) if served else None,
        (
            *unseen_doors(smtp.doors),
            *(trial.executed for trial in early.trials if isinstance(trial.executed, Unavailable)),
        ),
        Passed("EHLO before the greeting was refused"),
    )


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.LOW,
    remedy=Playbook("smtp-hygiene"),
    runbook="flood",
    references=("RFC 5321 section 3.1", "RFC 2920 section 3.1"),
)
