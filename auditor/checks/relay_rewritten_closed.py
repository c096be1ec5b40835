"""Mail for strangers is refused in every disguise.

A recipient such as user%foreign@hosted looks local and is not, once the server rewrites it; a sender in the hosted
domain, or the null sender of bounces, passes rules that were meant for one's own users. Anybody can write such a
sender. Asked: percent hack, bang path, quoted address, source route, address literal, null sender, own sender.
Two recipients that cannot exist tell a catch-all domain, which may rightly take any local part, from a hole.
"""

from auditor.evidence.relay import SMTP_PORT, RelayAttempts, tally
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
    weigh,
)


def judge(relay: RelayAttempts) -> Verdict:
    """Everything that is not a plain recipient from a plain stranger."""
    seen = tally(relay, lambda attempt: attempt.form.rewritten, frozenset({SMTP_PORT}))
    if seen.suspect and not seen.open:
        return Inconclusive(
            "the domain takes any local part, so that only a delivered message would tell a catch-all from a relay",
            Reason.NOT_CONSENTED,
            seen.suspect,
        )
    return weigh(
        Failed(seen.headline, (*seen.open, *seen.suspect)) if seen.open else None,
        seen.unseen,
        Passed(f"{seen.tried} disguised attempts to relay were refused"),
    )


CHECK = Check.of(
    judge,
    family=Family.RELAY,
    severity=Severity.CRITICAL,
    remedy=Playbook("close-relay"),
    runbook="open-relay",
    references=("RFC 5321 section 3.6.1", "RFC 5321 section 7.9"),
)
