"""Passwords are taken only within TLS.

Where AUTH is offered before STARTTLS, a mail program that is not told to insist on TLS sends the password for
anybody on the way to read. One such password is enough to send spam through the server under a good name.
Mechanisms that do not send the password itself (CRAM-MD5, DIGEST-MD5) still let it be guessed by whoever listens:
medium. Looked at: EHLO in clear on 25 and 587. No password is sent.
"""

from auditor.evidence.smtp import SmtpSessions, SubmissionSessions, unseen_doors
from auditor.evidence.smtp_steps import in_plain_text, login_in_clear
from auditor.model import (
    Check,
    Failed,
    Family,
    Passed,
    Playbook,
    Reason,
    Severity,
    Unavailable,
    Verdict,
    weigh,
)


def judge(smtp: SmtpSessions | Unavailable, submission: SubmissionSessions) -> Verdict:
    """Both ports that begin in clear. A port at which nothing listens takes no password."""
    doors = (*(() if isinstance(smtp, Unavailable) else smtp.doors), *submission.doors)
    offered = login_in_clear(doors)
    unseen = [u for u in unseen_doors(submission.doors) if u.reason is not Reason.REFUSED]
    blind = (smtp,) if isinstance(smtp, Unavailable) else unseen_doors(smtp.doors)
    return weigh(
        Failed(
            f"AUTH {offered[0]['mechanisms']} is offered without TLS on "
            f"{offered[0]['address']} port {offered[0]['port']}",
            offered,
            severity=None if in_plain_text(offered) else Severity.MEDIUM,
        )
        if offered
        else None,
        (*blind, *unseen),
        Passed("AUTH is not offered before TLS"),
    )


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.CRITICAL,
    remedy=Playbook("smtp-hygiene"),
    runbook="keys",
    references=("RFC 4954 section 4", "RFC 8314 section 3.1"),
)
