"""DMARC reports can be delivered to where they are sent.

A report mailbox whose domain has lost its mail hosts, or never took mail, is silence that looks like success.
Whether the mailbox itself exists shows only when a report comes: look at the newest one you have.
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
    """The domain of every report address takes mail."""
    targets = tuple(report for report in policy.reports if report.domain)
    if not policy.usable or not targets:
        return NotApplicable("no DMARC record asks for reports by mail")
    lost = tuple({"rua": r.uri} for r in targets if r.unknown is None and not r.takes_mail)
    if lost:
        return Failed(f"nobody takes mail for {lost[0]['rua']}", lost)
    blind = next((report.unknown for report in targets if report.unknown), None)
    if blind:
        return Inconclusive(blind.detail, blind.reason)
    return Passed("the domains of all report addresses take mail", tuple({"rua": r.uri} for r in targets))


CHECK = Check.of(
    judge,
    family=Family.DMARC,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Create the mailbox, or change rua in the DMARC record to one that exists and that somebody reads; then "
        "watch for the reports of the next day."
    ),
    runbook="contacts",
    references=("RFC 9990 section 4", "RFC 7505"),
)
