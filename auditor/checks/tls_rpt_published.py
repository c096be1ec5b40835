"""Senders know where to report that TLS to the domain failed.

TLS-RPT (RFC 8460) is how you learn that a certificate has expired or a TLSA record is stale while mail from
other places still comes in.
"""

from auditor.evidence.mta_sts import TlsReporting
from auditor.evidence.mx import MailExchangers
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Passed,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
)


def judge(reporting: TlsReporting, mx: MailExchangers | Unavailable) -> Verdict:
    """Exactly one valid record."""
    if not isinstance(mx, Unavailable) and mx.null and not mx.exchangers:
        return NotApplicable("the domain takes no mail: null MX")
    seen = tuple({"record": record} for record in reporting.records)
    if not seen and isinstance(mx, Unavailable):
        return Inconclusive(f"whether the domain takes mail at all: {mx.detail}", mx.reason)
    if not seen:
        return Failed("no TLS-RPT record: nobody tells you when TLS fails")
    if len(seen) > 1:
        return Failed(f"{len(seen)} TLS-RPT records: senders use none", seen)
    if reporting.complaint:
        return Failed(f"the TLS-RPT record is not valid: {reporting.complaint}", seen)
    return Passed("one valid TLS-RPT record", seen)


CHECK = Check.of(
    judge,
    family=Family.TRANSPORT_POLICY,
    severity=Severity.LOW,
    remedy=Playbook("authentication-records"),
    runbook="keys",
    references=("RFC 8460 section 3",),
)
