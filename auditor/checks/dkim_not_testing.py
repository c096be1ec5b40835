"""No DKIM key says that it is only being tested.

`t=y` tells verifiers to treat a failed signature like none (RFC 6376 section 3.6.1). It is right for a week
and is then forgotten for years.
"""

from auditor.evidence.dkim import DkimKeys, without_fault
from auditor.model import (
    Check,
    Failed,
    Family,
    Passed,
    Playbook,
    Severity,
    Verdict,
)


def judge(keys: DkimKeys) -> Verdict:
    """The t= tag of every usable key."""
    testing = tuple({"selector": key.selector} for key in keys.usable if key.testing)
    if testing:
        return Failed(f"selector {testing[0]['selector']} has t=y", testing)
    return without_fault(keys, keys.usable, Passed("no key is marked as a test"))


CHECK = Check.of(
    judge,
    family=Family.DKIM,
    severity=Severity.LOW,
    remedy=Playbook("dkim-signing"),
    runbook="keys",
    references=("RFC 6376 section 3.6.1",),
)
