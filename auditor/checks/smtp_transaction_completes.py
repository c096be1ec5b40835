"""A whole SMTP transaction goes through.

A green greeting proves little: when a policy service or a table behind the server is dead, HELO is answered and
RCPT is not, and mail stays away for hours without an alarm. So EHLO, MAIL, RCPT, STARTTLS, and MAIL and RCPT
again are done at port 25 of every address, for a recipient that has to exist. A server
that works but refuses postmaster shows no more than that: high. With --canary in a domain of the host one message
follows, and has to arrive: accepted mail may still be deferred, bounced or lost. The host's own log says which, found
by the message's label over SSH; without a way in, nobody can look, and the check is unknown.
A public MX must not insist on TLS (RFC 3207 section 4): senders that cannot do it would lose their mail.
"""

from auditor.evidence.delivery import Delivery, Fate
from auditor.evidence.smtp import SmtpSessions, open_doors, unseen_doors
from auditor.evidence.smtp_steps import is_about_the_mailbox, requires_tls, stuck_steps
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Observation,
    Passed,
    Reason,
    Severity,
    Unavailable,
    Verdict,
    weigh,
)


def judge(sessions: SmtpSessions, delivery: Delivery | Unavailable) -> Verdict:
    """Every step at every address, and the arrival of the message if there was one."""
    steps = [step for door, session in open_doors(sessions.doors) for step in stuck_steps(door, session)]
    stuck = [step for step in steps if not isinstance(step, Unavailable)]
    unseen = (
        *unseen_doors(sessions.doors),
        *(step for step in steps if isinstance(step, Unavailable)),
    )
    undelivered, arrival = _arrival(sessions, delivery)
    if not stuck and undelivered is not None:
        return undelivered
    if isinstance(arrival, Unavailable):
        unseen = (*unseen, arrival)
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
            f"a transaction as far as {'a delivered message' if sessions.message_taken else 'RCPT'} goes "
            f"through at {len(sessions.doors)} addresses",
            arrival if isinstance(arrival, tuple) else (),
        ),
    )


def _arrival(
    sessions: SmtpSessions, delivery: Delivery | Unavailable
) -> tuple[Failed | None, tuple[Observation, ...] | Unavailable]:
    """What became of the message that was taken: why it did not arrive, else the lines that say it did."""
    if not sessions.message_taken:
        return None, ()
    if isinstance(delivery, Unavailable):
        detail = f"a message was taken, and nobody could look whether it arrived: {delivery.detail}"
        return None, Unavailable(delivery.reason, detail)
    rows = tuple({"fate": o.fate.value, "rcpt_to": o.recipient, "line": o.line} for o in delivery.outcomes)
    lost = tuple(row for row in rows if row["fate"] != Fate.DELIVERED)
    if lost:
        told = f"a message was taken and then {lost[0]['fate']}: {lost[0]['line']}"
        return Failed(told, lost), ()
    if not rows:
        detail = "a message was taken, and a quarter of a minute later no log says what became of it"
        return None, Unavailable(Reason.TIMEOUT, detail)
    return None, rows


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.CRITICAL,
    remedy=ByHand(
        "Read at which step the server said no, and find that queue id or address in the mail log. A helper that is "
        "down shows as 451 at RCPT or DATA (runbook silent-failure), a full disk as 452, a missing mailbox as 550. A test "
        "message that was deferred waits under the queue id that is shown: mend what the line names, or take the message out."
    ),
    runbook="silent-failure",
    references=("RFC 5321 section 3.3", "RFC 3207 section 4"),
)
