"""The domain has one SPF record that every receiver can read.

Without a record anybody may write mail in the domain's name and large receivers refuse or junk even the
genuine mail. Two records, a typing error in one of them, an include that leads nowhere or in a circle are a
permanent error (RFC 7208 section 4.6): the receiver then treats the domain as if it had protected nothing.
A name that only could not be looked up is no error of the record and is reported as unknown.
"""

from auditor.evidence.spf import SpfTree, understand
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict


def judge(tree: SpfTree) -> Verdict:
    """Exactly one record, and no permanent error in it or below it."""
    root = tree.root
    if not root.records:
        seen = tuple({"domain": root.domain, "text": text} for text in root.similar)
        meant = ", though one was meant: receivers do not recognise its beginning" if seen else ""
        return Failed(f"no SPF record at {root.domain}{meant}", seen)
    problems = understand(tree).problems
    if problems:
        return Failed(
            f"a permanent error in SPF: {problems[0]}",
            (*({"problem": p} for p in problems), *({"record": r} for r in root.records)),
        )
    return tree.doubt or Passed("one valid SPF record", ({"record": root.records[0]},))


CHECK = Check.of(
    judge,
    family=Family.SPF,
    severity=Severity.HIGH,
    remedy=Playbook("authentication-records"),
    runbook="destination-refuses",
    references=("RFC 7208 section 3.2", "RFC 7208 section 4.5", "RFC 7208 section 4.6"),
)
