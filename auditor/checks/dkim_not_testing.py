"""No DKIM key says that it is only being tested.

`t=y` tells verifiers to treat a failed signature like none (RFC 6376 section 3.6.1). It is right for a week
and is then forgotten for years.
"""

from auditor.evidence.dkim import DkimKeys
from auditor.evidence.dns import Existence
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
    Verdict,
)


def judge(keys: DkimKeys) -> Verdict:
    """The t= tag of every usable key."""
    testing = tuple({"selector": key.selector} for key in keys.usable if key.testing)
    if testing:
        return Failed(f"selector {testing[0]['selector']} has t=y", testing)
    if keys.unknown and (keys.declared or not keys.usable):
        selector, why = keys.unknown[0]
        return Inconclusive(f"selector {selector}: {why.detail}", why.reason)
    if keys.usable:
        return Passed("no key is marked as a test")
    if keys.below is Existence.NXDOMAIN or keys.declared:
        return NotApplicable("no key is published")
    return Inconclusive("no key was found under the common selectors", Reason.NOT_DECLARED)


CHECK = Check.of(
    judge,
    family=Family.DKIM,
    severity=Severity.LOW,
    remedy=Playbook("dkim-signing"),
    runbook="keys",
    references=("RFC 6376 section 3.6.1",),
)
