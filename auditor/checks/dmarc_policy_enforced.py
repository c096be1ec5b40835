"""DMARC asks receivers to act on forged mail.

`p=none` only watches: right for the first weeks with reports, of no help after. `t=y` takes one step back from
what p says, a `pct` below 100 makes older receivers let part of the forgeries through, and a weaker `sp` or `np`
leaves every subdomain, also invented ones, to the forger. A domain that sends no mail can ask for reject today.
"""

from collections.abc import Iterator

from auditor.evidence.dmarc import STRENGTH, DmarcPolicy
from auditor.evidence.spf import SpfTree, understand
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Passed,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
)


def _weaknesses(policy: DmarcPolicy, *, parked: bool) -> Iterator[str]:
    tags, own = policy.tags, policy.own
    strength = STRENGTH.get(own, 0)
    if strength == 0:
        yield "the policy is none: forged mail is delivered"
    elif parked and own != "reject":
        yield f"the domain sends no mail, yet its policy is {own}, not reject"
    if tags.get("t", "n").lower() == "y":
        yield "t=y: receivers act one step milder than the policy says"
    if tags.get("pct", "100") != "100":
        yield f"pct={tags['pct']}: older receivers let the rest through"
    for tag in ("sp", "np"):
        if tag in tags and policy.found_at == policy.domain and STRENGTH.get(tags[tag].lower(), 0) < strength:
            yield f"{tag}={tags[tag]} is weaker than the policy: subdomains can be forged"


def judge(policy: DmarcPolicy, spf: SpfTree | Unavailable) -> Verdict:
    """The policy that applies to the domain's own mail."""
    if not policy.usable:
        return NotApplicable("there is no single valid DMARC record")
    parked = not isinstance(spf, Unavailable) and understand(spf).nobody_passes
    weaknesses = list(_weaknesses(policy, parked=parked))
    if weaknesses:
        seen = ({"record": policy.records[0]}, *({"weakness": w} for w in weaknesses))
        return Failed(weaknesses[0], seen)
    if isinstance(spf, Unavailable) and policy.own != "reject":
        return Inconclusive(f"whether the domain sends mail at all: {spf.detail}", spf.reason)
    return Passed(f"forged mail meets {policy.own}", ({"record": policy.records[0]},))


CHECK = Check.of(
    judge,
    family=Family.DMARC,
    severity=Severity.MEDIUM,
    remedy=Playbook("authentication-records"),
    runbook="mailbox-takeover",
    references=("RFC 9989 section 4.7", "RFC 9989 section 7"),
)
