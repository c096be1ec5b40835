"""The scan's own transaction is in the mail log.

Settings say what should be logged; only a line says that it is. The scan names itself with a random label in every
sender and recipient it speaks of, and then looks for that label in the host's own log. A host that refused such a
recipient and has no line about it logs nothing that an investigation could use.
"""

from collections.abc import Iterator

from auditor.evidence.logs import LogTrace
from auditor.evidence.relay import RelayAttempts
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import SmtpSessions, Transaction, open_doors
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    Passed,
    Playbook,
    Reason,
    Severity,
    Unavailable,
    Verdict,
)


def judge(
    trace: LogTrace, sessions: SmtpSessions | Unavailable, attempts: RelayAttempts | Unavailable
) -> Verdict:
    """A missing line counts only where a recipient was refused: accepted and reset, one may rightly leave no trace."""
    if trace.lines:
        rows = tuple({"line": line} for line in trace.lines[:3])
        return Passed(f"found in {', '.join(trace.places)}", rows)
    refused = [
        t for t in _transactions(sessions, attempts) if _refused(t) and trace.label in t.sender + t.recipient
    ]
    if refused:
        row = {
            "mail_from": refused[0].sender,
            "rcpt_to": refused[0].recipient,
            "reply": str(refused[0].decisive),
        }
        return Failed(f"{len(refused)} refused recipients left no line in the mail log", (row,))
    if isinstance(sessions, Unavailable):
        return Inconclusive(
            f"no session was had that could be in the log: {sessions.detail}", sessions.reason
        )
    return Inconclusive("the server refused nothing that it would have to log", Reason.NOT_ASKED)


def _transactions(
    sessions: SmtpSessions | Unavailable, attempts: RelayAttempts | Unavailable
) -> Iterator[Transaction]:
    if not isinstance(sessions, Unavailable):
        for _, session in open_doors(sessions.doors):
            yield from (t for t in (session.transaction, session.transaction_tls) if t is not None)
    if not isinstance(attempts, Unavailable):
        for phase in attempts.phases:
            yield from (attempt.transaction for attempt in phase.attempts)
            yield from (t for t in (phase.control, phase.random) if t is not None)


def _refused(transaction: Transaction) -> bool:
    return isinstance(transaction.rcpt, Reply) and not transaction.rcpt.positive


CHECK = Check.of(
    judge,
    family=Family.LOGGING,
    severity=Severity.CRITICAL,
    remedy=Playbook("logging"),
    runbook="silent-failure",
    references=("RFC 5068 3.1",),
)
