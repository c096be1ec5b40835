"""Mail for strangers is refused.

A server that takes mail from anybody to anybody is found by spammers within hours and blocklisted within days; the
owner learns it from bounces, from warnings of the provider, or not at all when abuse@ does not exist either.
Asked at port 25 of every address, before and after STARTTLS, with EHLO names that careless rules trust.
RCPT is where mail programs decide. Nothing is handed over, unless --canary names a mailbox of yours: then an
accepted recipient is confirmed by a whole message.
454 "Relay access denied" is a refusal too; but since it says "later", refused senders retry for days.
"""

from auditor.evidence.relay import SMTP_PORT, RelayAttempts, tally
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict, weigh


def judge(relay: RelayAttempts) -> Verdict:
    """Plain recipients: nothing in the addresses is out of the ordinary."""
    seen = tally(relay, lambda attempt: not attempt.form.rewritten, frozenset({SMTP_PORT}))
    later = "; some refusals say 454, so that senders try again for days" if seen.deferred else ""
    return weigh(
        Failed(seen.headline, seen.open) if seen.open else None,
        seen.unseen,
        Passed(f"{seen.tried} attempts to relay were refused{later}", seen.deferred),
    )


CHECK = Check.of(
    judge,
    family=Family.RELAY,
    severity=Severity.CRITICAL,
    remedy=Playbook("close-relay"),
    runbook="open-relay",
    references=("RFC 5321 section 7.9", "RFC 2505 section 2.1"),
)
