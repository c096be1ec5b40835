"""The host signs with the key that the DNS publishes.

After a key change on one side only, every signature fails, and with DMARC every message; nothing on the host says so.
"""

from auditor.evidence.dkim import DkimKeys, SignerKeys
from auditor.model import (
    Check,
    Domain,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Observation,
    Passed,
    PerHost,
    Playbook,
    Reason,
    Severity,
    Unavailable,
    Verdict,
)


def judge(domain: Domain, published: DkimKeys, signers: PerHost[SignerKeys]) -> Verdict:
    """For each host and selector that signs for this domain. A selector that was not asked for is unknown."""
    unseen = [keys for _, keys in signers.found if isinstance(keys, Unavailable)]
    if not signers.found or len(unseen) == len(signers.found):
        reason = (
            unseen[0] if unseen else Unavailable(Reason.NOT_ASKED, "no host of this domain was looked into")
        )
        return Inconclusive(reason.detail, reason.reason)
    records = {key.selector.lower(): key.public for key in published.keys}
    rows: list[Observation] = []
    unasked, matching = [], 0
    for host, keys in signers.found:
        for key in () if isinstance(keys, Unavailable) else keys.keys:
            selector = key.selector.lower()
            if key.domain.lower() != domain.name:
                continue
            if records.get(selector) == key.public:
                matching += 1
            elif selector in records or selector in published.declared:
                rows.append({"host": host, "selector": selector, "published": selector in records})
            else:
                unasked.append(selector)
    if rows:
        return Failed(
            "signs with another key than is published: " + ", ".join(str(r["selector"]) for r in rows),
            tuple(rows),
        )
    if unasked:
        return Inconclusive(
            f"name {', '.join(unasked)} in mail_dkim_selectors to have it asked", Reason.NOT_DECLARED
        )
    if unseen:
        return Inconclusive(unseen[0].detail, unseen[0].reason)
    return (
        Passed(f"{matching} keys match")
        if matching
        else NotApplicable("no host of this scan signs for this domain")
    )


CHECK = Check.of(
    judge,
    family=Family.DKIM,
    severity=Severity.HIGH,
    remedy=Playbook("dkim-signing"),
    runbook="keys",
    references=("RFC 6376 3.6.1", "RFC 8463"),
)
