"""The MX record set can be changed within an hour.

When the host or its provider is gone, mail is rerouted by changing the MX records; senders keep the old answer
for its TTL. Below five minutes every look-up becomes a dependency of its own.
"""

from auditor.evidence.dns import Existence
from auditor.evidence.mx import MailExchangers
from auditor.model import ByHand, Check, Failed, Family, NotApplicable, Passed, Severity, Verdict

LONGEST = 3600
"""Seconds. A TTL as seen may already have counted down, so a resolver can only show less than the truth."""


def judge(mx: MailExchangers) -> Verdict:
    """TTL of the record set as the resolver had it."""
    if mx.existence is not Existence.FOUND:
        return NotApplicable("there is no MX record")
    if mx.ttl > LONGEST:
        return Failed(f"senders keep the MX records for {mx.ttl} s", ({"ttl": mx.ttl},))
    return Passed(
        f"the TTL of the MX records is {mx.ttl} s, at most {LONGEST} s are right", ({"ttl": mx.ttl},)
    )


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.LOW,
    remedy=ByHand(
        "Lower the TTL of the MX record set to 3600 seconds in the zone, now: it helps only if it was low before the outage."
    ),
    runbook="provider-outage",
    references=("RFC 1912 section 2.2",),
)
