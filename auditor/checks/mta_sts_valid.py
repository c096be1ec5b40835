"""Senders that know MTA-STS find a valid policy.

Without MTA-STS (RFC 8461) or DANE whoever stands between two mail servers can take STARTTLS away and read
along. A record without a policy that can be fetched protects nobody and looks as if it did. Mode `none`, or a
policy that senders forget within a day, is no protection either.
"""

from auditor.evidence.mta_sts import MtaSts
from auditor.evidence.mx import MailExchangers
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Observation,
    Passed,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
)

SHORTEST = 86400
"""Seconds. RFC 8461 section 3.2 speaks of weeks; a policy of less than a day is gone before the attacker."""

SERVE = (
    "On the web server that serves https://mta-sts.DOMAIN/.well-known/mta-sts.txt: version: STSv1, mode: testing, mx: each MX "
    "host, max_age: 604800, as text/plain, with a certificate for mta-sts.DOMAIN and no redirect. The playbook "
    "authentication-records prints the text; run it again afterwards, so that senders hear of the change. Go to mode: enforce "
    "after two weeks of clean TLS reports."
)


def judge(sts: MtaSts, mx: MailExchangers | Unavailable) -> Verdict:
    """Record, fetch, and text of the policy."""
    if not isinstance(mx, Unavailable) and mx.null and not mx.exchangers:
        return NotApplicable("the domain takes no mail: null MX")
    if not sts.records and isinstance(mx, Unavailable):
        return Inconclusive(f"whether the domain takes mail at all: {mx.detail}", mx.reason)
    if not sts.records:
        return Failed("no MTA-STS: TLS to the domain can be taken away unnoticed", severity=Severity.LOW)
    seen: tuple[Observation, ...] = tuple({"record": record} for record in sts.records)
    if len(sts.records) > 1 or sts.policy is None:
        return Failed(f"{len(sts.records)} MTA-STS records: senders use none", seen)
    if sts.complaint:
        return Failed(f"the MTA-STS record is not valid: {sts.complaint}", seen)
    if sts.policy.unknown is not None:
        return Inconclusive(f"the policy: {sts.policy.unknown.detail}", sts.policy.unknown.reason)
    if sts.policy.fault:
        return Failed(sts.policy.fault, seen, by_hand=SERVE)
    facts: tuple[Observation, ...] = (*seen, {"mode": sts.policy.mode, "max_age": sts.policy.max_age})
    if sts.policy.mode == "none":
        return Failed(
            "the policy has mode none: it protects nothing", facts, severity=Severity.LOW, by_hand=SERVE
        )
    if sts.policy.max_age < SHORTEST:
        age = f"senders forget the policy after {sts.policy.max_age} s"
        return Failed(age, facts, severity=Severity.LOW, by_hand=SERVE)
    return Passed(f"a valid policy in mode {sts.policy.mode}", facts)


CHECK = Check.of(
    judge,
    family=Family.TRANSPORT_POLICY,
    severity=Severity.MEDIUM,
    remedy=Playbook("authentication-records"),
    runbook="keys",
    references=(
        "RFC 8461 section 3.1",
        "RFC 8461 section 3.2",
        "RFC 8461 section 3.3",
    ),
)
