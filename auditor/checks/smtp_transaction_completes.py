"""A whole SMTP transaction goes through.

A green greeting proves little: when a policy service or a table behind the server is dead, HELO is answered and
RCPT is not, and mail stays away for hours without an alarm. So EHLO, MAIL, RCPT, STARTTLS, and MAIL and RCPT
again are done at port 25 of every address, for a recipient that has to exist. A server
that works but refuses postmaster shows no more than that: high. With --canary one message follows.
A public MX must not insist on TLS (RFC 3207 section 4): senders that cannot do it would lose their mail.
"""

from auditor.evidence.smtp import SmtpSessions, open_doors, unseen_doors
from auditor.evidence.smtp_steps import is_about_the_mailbox, requires_tls, stuck_steps
from auditor.model import ByHand, Check, Failed, Family, Passed, Severity, Unavailable, Verdict, weigh


def judge(sessions: SmtpSessions) -> Verdict:
    """Every step at every address."""
    steps = [step for door, session in open_doors(sessions.doors) for step in stuck_steps(door, session)]
    stuck = [step for step in steps if not isinstance(step, Unavailable)]
    unseen = (
        *unseen_doors(sessions.doors),
        *(step for step in steps if isinstance(step, Unavailable)),
    )
    hint = ""
    if any(requires_tls(session) for _, session in open_doors(sessions.doors)):
        hint = ": a public MX must take mail without TLS"
    return weigh(
        Failed(
            stuck[0][0] + hint,
            tuple(facts for _, facts in stuck),
            severity=Severity.HIGH if all(is_about_the_mailbox(facts) for _, facts in stuck) else None,
        )
        if stuck
        else None,
        unseen,
        Passed(
            f"a transaction as far as {'the end of a message' if sessions.message_taken else 'RCPT'} goes "
            f"through at {len(sessions.doors)} addresses"
        ),
    )


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.CRITICAL,
    remedy=ByHand(
        "Read at which step the server said no, and find that queue id or address in the mail log. A helper that is "
        "down shows as 451 at RCPT or DATA (runbook silent-failure), a full disk as 452, a missing mailbox as 550."
    ),
    runbook="silent-failure",
    references=("RFC 5321 section 3.3", "RFC 3207 section 4"),
)
