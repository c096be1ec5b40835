"""SPF lets only the domain's own senders pass.

`+all`, or networks that together are as good as the whole internet, give every spammer a pass in the domain's
name, which is worse than no record at all. `?all`, or no `all`, says nothing about strangers. `~all` is as good
as `-all` where DMARC decides (RFC 9989), so both pass. `ptr` is slow, easily broken and deprecated (section 5.5).
"""

from auditor.evidence.spf import SpfTree, understand
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict

WIDE_V4 = 2**24
"""One /8: more addresses than any mail platform owns."""
WIDE_V6 = 2**96
"""One /32, what a registry gives to a whole provider."""


def judge(tree: SpfTree) -> Verdict:
    """The sign of `all`, and how many addresses pass before it."""
    if len(tree.root.records) != 1:
        return NotApplicable("there is no single SPF record to read")
    meaning = understand(tree)
    seen = ({"record": tree.root.records[0]},)
    if meaning.default == "+":
        return Failed("every address in the world passes: +all", seen, severity=Severity.CRITICAL)
    if meaning.v4_size > WIDE_V4 or meaning.v6_size > WIDE_V6:
        wide = tuple({"network": str(network)} for network in meaning.networks[:20])
        return Failed("most of the internet passes", (*seen, *wide), severity=Severity.CRITICAL)
    if tree.doubt:
        return tree.doubt
    if meaning.default == "?":
        return Failed("nothing is said about strangers: ?all, or no all", seen, severity=Severity.MEDIUM)
    if any(term.startswith("ptr") for term in meaning.open_terms):
        return Failed("the deprecated ptr mechanism decides who passes", seen, severity=Severity.LOW)
    return Passed(f"strangers get {meaning.default}all", seen)


CHECK = Check.of(
    judge,
    family=Family.SPF,
    severity=Severity.HIGH,
    remedy=Playbook("authentication-records"),
    runbook="destination-refuses",
    references=("RFC 7208 section 5.1", "RFC 7208 section 5.5", "RFC 7208 section 11.4"),
)
