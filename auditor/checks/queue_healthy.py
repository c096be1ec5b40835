"""The queue is short and moves.

A queue that grows shows an outage, a block or a sender of spam hours before anybody complains. Old mail that is never
given up on shows a queue that nothing runs.
"""

from auditor.evidence.queue import MailQueue
from auditor.model import ByHand, Check, Failed, Family, Moment, Passed, Severity, Verdict, counted

MANY = 500
FROZEN = 50
OLD = 6.0
"""Days; RFC 5321 has senders give up after four or five."""


def judge(queue: MailQueue, moment: Moment) -> Verdict:
    """Length, held or frozen messages, age of the oldest."""
    days = 0.0 if queue.oldest is None else (moment.taken_at.timestamp() - queue.oldest) / 86400
    row = ({"messages": queue.messages, "held or frozen": queue.frozen, "oldest in days": round(days, 1)},)
    if queue.messages > MANY:
        return Failed(f"{queue.messages} messages wait", row)
    if queue.frozen > FROZEN:
        return Failed(f"{queue.frozen} messages are held or frozen", row)
    if days > OLD:
        return Failed(f"the oldest message has waited {days:.0f} days", row)
    if not queue.messages:
        return Passed("no message waits", row)
    return Passed(f"{counted(queue.messages, 'message')} in the queue, the oldest for {days:.1f} days", row)


CHECK = Check.of(
    judge,
    family=Family.QUEUE,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Look what waits and why (`postqueue -j`, `exim4 -bp`, `smtpctl show queue`, `mailq`): one sender means a taken-over account (runbook outbound-spam), one destination a refusal (runbook destination-refuses). Do not flush before the cause is known."
    ),
    runbook="destination-refuses",
    references=("RFC 5321 4.5.4.1",),
)
