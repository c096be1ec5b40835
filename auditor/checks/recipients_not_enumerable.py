"""VRFY and EXPN give no mailbox away.

Spammers and password guessers try lists of names, and VRFY that answers a real mailbox otherwise than a made-up one
confirms them without a trace in the mail log. EXPN shows who is behind an alias. 252 to everything is right.
That RCPT tells them apart is not held against a server: refusing unknown recipients is its duty.
"""

from auditor.evidence.smtp import SmtpSessions, open_doors, unseen_doors
from auditor.evidence.smtp_steps import disclosures
from auditor.model import Check, Failed, Family, Observation, Passed, Playbook, Severity, Verdict, weigh


def judge(sessions: SmtpSessions) -> Verdict:
    """Each address is asked for a real and a made-up mailbox, and for the members of a list."""
    doors = sessions.doors
    given = tuple(fact for door, session in open_doors(doors) for fact in disclosures(door, session))
    unasked = [
        session.ended for _, session in open_doors(doors) if session.ended and not session.answered_all
    ]
    return weigh(
        Failed(_how(given[0]), given) if given else None,
        (*unseen_doors(doors), *unasked),
        Passed("VRFY and EXPN tell nothing"),
    )


def _how(given: Observation) -> str:
    """252 alone is right (RFC 5321 3.5.3); that a made-up name gets another answer is what tells."""
    denied = str(given["made_up"]).partition(": ")[2]
    if not given["known"]:
        return f"{given['command']} tells which mailboxes do not exist: {denied}"
    made_up = f", and a made-up one with {denied}" if denied else ""
    return f"{given['command']} answers a mailbox that exists with {given['known']}{made_up}"


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.LOW,
    remedy=Playbook("smtp-hygiene"),
    runbook="flood",
    references=("RFC 5321 section 3.5.3", "RFC 5321 section 7.3"),
)
