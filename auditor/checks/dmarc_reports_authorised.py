"""DMARC reports have an address, and whoever keeps it has agreed.

Reports are how you learn that your own newsletter fails, and that somebody forges you. Receivers send none to
another organisation that has not published its consent (RFC 9990 section 4), and tell nobody that they did not.
"""

from auditor.evidence.dmarc import DmarcPolicy
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Passed,
    Severity,
    Verdict,
)


def judge(policy: DmarcPolicy) -> Verdict:
    """Every target of rua."""
    if not policy.usable:
        return NotApplicable("there is no single valid DMARC record")
    if not policy.reports:
        return Failed(
            "no rua: nobody receives reports", ({"record": policy.records[0]},), severity=Severity.LOW
        )
    unread = tuple({"rua": r.uri, "fault": "no mailto: address"} for r in policy.reports if not r.domain)
    if unread:
        return Failed(f"{unread[0]['rua']} is no mailto: address", unread)
    missing = tuple(
        {"rua": r.uri, "missing": f"{policy.found_at}._report._dmarc.{r.domain} TXT v=DMARC1"}
        for r in policy.reports
        if r.external and not r.agreed and r.unknown is None
    )
    if missing:
        return Failed(f"{missing[0]['rua']} has not agreed to receive the reports", missing)
    blind = next((r.unknown for r in policy.reports if r.unknown), None)
    if blind:
        return Inconclusive(blind.detail, blind.reason)
    return Passed("reports may be sent", tuple({"rua": r.uri} for r in policy.reports))


CHECK = Check.of(
    judge,
    family=Family.DMARC,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Add rua=mailto:ADDRESS to the _dmarc record. Where ADDRESS is in another domain, its owner publishes "
        '"v=DMARC1" as TXT at YOURDOMAIN._report._dmarc.THEIRDOMAIN (RFC 9990 section 4).'
    ),
    runbook="contacts",
    references=("RFC 9990 section 4",),
)
