"""The SPF record can be evaluated within the limits that receivers keep.

Ten look-ups, two of them without result, ten hosts behind one `mx` (RFC 7208 section 4.6.4): a record that
needs more is a permanent error, and which senders it hits depends on the order of its terms. Included
records belong to others, who grow them without asking: nine today is a failure tomorrow, so the count is shown.
"""

from auditor.evidence.spf import LOOKUP_LIMIT, VOID_LIMIT, SpfTree, understand
from auditor.model import ByHand, Check, Failed, Family, NotApplicable, Passed, Severity, Verdict


def judge(tree: SpfTree) -> Verdict:
    """Counts every term that asks, in every record, as often as it is reached."""
    if len(tree.root.records) != 1:
        return NotApplicable("there is no single SPF record to evaluate")
    meaning = understand(tree)
    if meaning.lookups > LOOKUP_LIMIT:
        return Failed(
            f"{meaning.lookups} look-ups are needed, {LOOKUP_LIMIT} are allowed",
            tuple({"record of": r.domain, "text": r.records[0]} for r in tree.records if r.records),
        )
    if len(meaning.voids) > VOID_LIMIT:
        return Failed(
            f"{len(meaning.voids)} terms lead to nothing, {VOID_LIMIT} may",
            tuple({"term": term} for term in meaning.voids),
        )
    if meaning.wide_mx:
        return Failed(f"{meaning.wide_mx[0]}, ten are allowed", tuple({"term": t} for t in meaning.wide_mx))
    return tree.doubt or Passed(
        f"{meaning.lookups} of {LOOKUP_LIMIT} look-ups, {len(meaning.voids)} of {VOID_LIMIT} without result"
    )


CHECK = Check.of(
    judge,
    family=Family.SPF,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Take out what is not used any more: each include, a, mx, ptr, exists and redirect counts, ten are the limit. "
        "Replace includes of providers that you left, and a or mx of your own hosts by ip4: and ip6:. Delete terms whose "
        "names do not exist."
    ),
    runbook="destination-refuses",
    references=("RFC 7208 section 4.6.4",),
)
