"""STARTTLS is offered, and the handshake works.

Without it every mail to the domain travels in clear, and senders that insist on TLS (MTA-STS, DANE, many
authorities) cannot deliver at all. Worse is STARTTLS that is offered and fails: each sender that tries it comes
back again and again, as with OpenSMTPD 6.8 on Debian 12. Looked at: port 25, and 587 where it answers.
"""

from auditor.evidence.smtp import Door, Session, SmtpSessions, SubmissionSessions, open_doors, unseen_doors
from auditor.evidence.smtp_steps import Stuck, tls_steps
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Unavailable, Verdict, weigh

OLD_OPENSMTPD = (
    "OpenSMTPD 6.8, which Debian 12 packages, breaks every inbound handshake (upstream issues 1171 and 1239), and no "
    "setting mends it: leave STARTTLS switched off until the host runs OpenSMTPD 7, from bookworm-backports or "
    "Debian 13. On OpenSMTPD 7: run the playbook tls."
)


def old_opensmtpd(doors: list[tuple[Door, Session]]) -> str | None:
    """The greeting names the program and not its version, so both ways are told."""
    return OLD_OPENSMTPD if any("OpenSMTPD" in str(session.banner) for _, session in doors) else None


def judge(smtp: SmtpSessions, submission: SubmissionSessions | Unavailable) -> Verdict:
    """Offered, shaken hands, going on. Whom the certificate names is another question."""
    doors = (*smtp.doors, *(() if isinstance(submission, Unavailable) else submission.doors))
    in_clear = [(door, session) for door, session in open_doors(doors) if not session.implicit_tls]
    missing: list[Stuck] = [
        (f"STARTTLS is not offered on {door.where}", {"address": door.address, "port": door.port})
        for door, session in in_clear
        if not session.offers_starttls
    ]
    steps = [step for door, session in in_clear for step in tls_steps(door, session)]
    bad = [*missing, *(step for step in steps if not isinstance(step, Unavailable))]
    return weigh(
        Failed(bad[0][0], tuple(facts for _, facts in bad), by_hand=old_opensmtpd(in_clear)) if bad else None,
        (*unseen_doors(smtp.doors), *(step for step in steps if isinstance(step, Unavailable))),
        Passed("STARTTLS is offered and works"),
    )


CHECK = Check.of(
    judge,
    family=Family.TLS,
    severity=Severity.HIGH,
    remedy=Playbook("tls"),
    runbook="keys",
    references=("RFC 3207", "RFC 7435"),
)
