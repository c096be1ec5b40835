"""Mail at the submission ports needs a login.

A service on 587 or 465 that takes mail without AUTH is an open relay that scanners of port 25 do not see, and spammers
do. It arises when restrictions are set for port 25 alone, or when a trusted network
is too wide. Asked without login, before and after STARTTLS, with the senders and EHLO names that port 25 is asked with; recipients in disguise follow
where mail for the platform itself is taken without a login. A port that refuses MAIL from anybody is asked once.
"""

from auditor.evidence.relay import RelayAttempts, tally
from auditor.model import (
    Check,
    Failed,
    Family,
    NotApplicable,
    Passed,
    Playbook,
    Severity,
    Verdict,
    weigh,
)

PORTS = frozenset({465, 587})


def judge(relay: RelayAttempts) -> Verdict:
    """Every vector at both ports."""
    seen = tally(relay, lambda _attempt: True, PORTS)
    if not seen.tried and not seen.unseen:
        return NotApplicable("nothing listens on 465 and 587")
    holes = (*seen.open, *seen.suspect)
    return weigh(
        Failed(seen.headline if seen.open else "mail is taken without a login", holes) if holes else None,
        seen.unseen,
        Passed(f"{seen.tried} attempts without a login were refused"),
    )


CHECK = Check.of(
    judge,
    family=Family.RELAY,
    severity=Severity.CRITICAL,
    remedy=Playbook("close-relay"),
    runbook="open-relay",
    references=("RFC 6409 section 4.3", "RFC 8314 section 3.3"),
)
