"""No account sends far more than a person does.

A stolen password shows as one login that sends thousands of messages in a day; the first complaint comes hours later,
the blocklisting with it. Counted from the host's own log over the last day, against mail_limits of the inventory.
"""

from auditor.evidence.mta import Mta, MtaRunning
from auditor.evidence.senders import SentByLogin
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Host,
    Inconclusive,
    NotApplicable,
    Observation,
    Passed,
    Reason,
    Severity,
    Unavailable,
    Verdict,
    counted,
)

DAY = 1000
"""Messages; used where the inventory sets no limit. A person does not reach it, a newsletter has its own account."""


def judge(running: MtaRunning, sent: SentByLogin | Unavailable, host: Host) -> Verdict:
    """The busiest logins of the last 24 hours."""
    if running.only is Mta.OPENSMTPD:
        return NotApplicable("OpenSMTPD does not log which login a message came from")
    if isinstance(sent, Unavailable):
        return Inconclusive(sent.detail, sent.reason)
    limit = dict(host.declared.limits).get("per_day", DAY)
    rows: tuple[Observation, ...] = tuple(
        {"login": one.login, "messages": one.messages} for one in sent.logins if one.messages > limit
    )
    if rows:
        return Failed(f"{rows[0]['login']} sent {rows[0]['messages']} messages in a day", rows)
    if sent.logins:
        return Passed(
            f"no login sent more than {counted(sent.logins[0].messages, 'message')} in the last day"
        )
    if not sent.log_seen:
        return Inconclusive(
            "the mail log has no line of the last day that could be counted", Reason.UNSUPPORTED
        )
    return Passed("nobody logged in to send a message in the last day")


CHECK = Check.of(
    judge,
    family=Family.QUEUE,
    severity=Severity.CRITICAL,
    remedy=ByHand(
        "Follow the runbook outbound-spam: suspend the named account with its live sessions, hold its mail, "
        "then ask its owner. Raise mail_limits in the inventory where this account may send as much."
    ),
    runbook="outbound-spam",
    references=("RFC 5068 3.1",),
)
