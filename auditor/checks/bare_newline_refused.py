"""A message ends only where the standard says so.

A server that takes a dot between bare newlines for the end of a message lets a stranger put a second message, from
any sender, into one that another server vouched for (SMTP smuggling, CVE-2023-51764, -51765, -51766). Postfix before
3.9 does so by default. One message goes to your canary, with false ends in its body and a NOOP behind each: a server
that answers once is safe, one that answers the NOOP is not. Without --canary nothing is sent and nothing is known.
"""

from auditor.evidence.synchronisation import BareNewline, Smuggling
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict


def judge(newline: BareNewline) -> Verdict:
    """How many replies one message got."""
    observed = ({"address": newline.address, "replies": " / ".join(str(r) for r in newline.replies)},)
    if newline.verdict is Smuggling.EXECUTED:
        return Failed("a command behind a bare newline was executed: mail can be smuggled in", observed)
    if newline.verdict is Smuggling.ENDED:
        return Failed(
            "a bare newline ends a message, though what followed was refused", observed, severity=Severity.LOW
        )
    return Passed(f"bare newlines: {newline.verdict.value}", observed)


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.HIGH,
    remedy=Playbook("smtp-hygiene"),
    runbook="maintenance-round",
    references=("RFC 5321 section 2.3.8", "CVE-2023-51764", "CVE-2023-51765", "CVE-2023-51766"),
)
