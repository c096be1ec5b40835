"""One valid DMARC record governs the domain.

Without it, or with two, or with one that cannot be parsed, receivers apply nothing: anybody may write in the
domain's visible From, and the large receivers refuse bulk mail from it. The record is searched as RFC 9989
says: at the domain, then up the tree; nobody looks for it at the domain itself without `_dmarc`.
"""

from auditor.evidence.dmarc import DmarcPolicy
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict


def judge(policy: DmarcPolicy) -> Verdict:
    """Found, single, and in order."""
    seen = tuple({"at": f"_dmarc.{policy.found_at}", "record": record} for record in policy.records)
    if not policy.records:
        astray = tuple({"at": policy.domain, "record": record} for record in policy.misplaced)
        return Failed("no DMARC record" + (", only one without _dmarc in its name" if astray else ""), astray)
    if len(policy.records) > 1:
        return Failed(f"{len(policy.records)} DMARC records: receivers apply none", seen)
    if policy.complaint:
        return Failed(f"the DMARC record is not valid: {policy.complaint}", seen)
    return Passed(f"a valid DMARC record at _dmarc.{policy.found_at}", seen)


CHECK = Check.of(
    judge,
    family=Family.DMARC,
    severity=Severity.HIGH,
    remedy=Playbook("authentication-records"),
    runbook="destination-refuses",
    references=("RFC 9989 section 4.7", "RFC 9989 section 4.10"),
)
