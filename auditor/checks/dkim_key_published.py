"""A DKIM key of the domain is published.

Large receivers expect signed mail, and DMARC survives forwarding only through DKIM. Selectors are names that
the signer chose: finding none among the common ones proves nothing, unless the DNS says that nothing at all
exists below `_domainkey` (RFC 8020). A wildcard that answers every selector proves nothing either. Name yours
in the inventory (`mail_dkim_selectors`) and the answer is certain.
"""

from auditor.evidence.dkim import DkimKeys
from auditor.evidence.dns import Existence
from auditor.evidence.spf import SpfTree, understand
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Passed,
    Playbook,
    Reason,
    Severity,
    Unavailable,
    Verdict,
)


def judge(keys: DkimKeys, spf: SpfTree | Unavailable) -> Verdict:
    """Every declared selector, or one of the common ones."""
    usable = {key.selector for key in keys.usable}
    seen = tuple({"selector": k.selector, "key": f"{k.algorithm} {k.bits}"} for k in keys.usable)
    blind = dict(keys.unknown)
    missing = [name for name in keys.declared if name not in usable and name not in blind]
    if missing:
        return Failed(
            f"no usable key at selector {missing[0]}", tuple({"selector": name} for name in missing)
        )
    if blind and (keys.declared or not usable):
        selector, why = next(iter(blind.items()))
        return Inconclusive(f"selector {selector}: {why.detail}", why.reason)
    if usable and (keys.declared or not keys.wildcard):
        return Passed(f"a key is published at selector {', '.join(sorted(usable))}", seen)
    if isinstance(spf, Unavailable):
        return Inconclusive(f"whether the domain sends mail at all: {spf.detail}", spf.reason)
    if understand(spf).nobody_passes:
        return NotApplicable("the domain says by SPF that it sends no mail")
    if keys.below is Existence.NXDOMAIN:
        return Failed("no name exists below _domainkey: nothing can be signed so that others can verify it")
    why_not = "a wildcard answers for every selector" if keys.wildcard else "no common selector holds a key"
    return Inconclusive(f"{why_not}; the inventory does not name yours", Reason.NOT_DECLARED)


CHECK = Check.of(
    judge,
    family=Family.DKIM,
    severity=Severity.HIGH,
    remedy=Playbook("dkim-signing"),
    runbook="keys",
    references=("RFC 6376 section 3.6.2", "RFC 8020"),
)
