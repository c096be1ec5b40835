"""No single destination refuses our mail.

Ten and more messages that wait for one domain, a fifth of the queue, are a block or a broken route, not bad luck.
"""

from auditor.evidence.queue import MailQueue
from auditor.model import ByHand, Check, Failed, Family, Passed, Severity, Verdict

MANY, SHARE = 10, 0.2


def judge(queue: MailQueue) -> Verdict:
    """Counted per recipient domain; the reason is the other server's last word."""
    bad = [w for w in queue.waiting if w.messages >= MANY and w.messages >= SHARE * queue.sampled]
    if bad:
        return Failed(
            "mail piles up for " + ", ".join(f"{one.domain} ({one.messages})" for one in bad),
            tuple({"domain": one.domain, "messages": one.messages, "reason": one.reason} for one in bad),
        )
    return Passed("no destination stands out in the queue")


CHECK = Check.of(
    judge,
    family=Family.QUEUE,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Read the reason above. A refusal that names a list: runbook blocklisted. Rate limits: playbook throttle-destination. Time-outs: test the route to that domain from the host."
    ),
    runbook="destination-refuses",
    references=("RFC 5321 4.5.4",),
)
