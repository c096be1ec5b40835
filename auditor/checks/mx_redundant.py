"""A second MX host takes mail when the first cannot.

Senders keep trying for days, so one host is no fault for a small site, but every outage then delays all mail,
and two names on one address are one host. A backup must know the recipients of the first, or it bounces spam.
"""

from auditor.evidence.mx import MailExchangers
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


def judge(mx: MailExchangers) -> Verdict:
    """Two hosts without a common address."""
    if not mx.exchangers:
        return NotApplicable("there is no MX host")
    blind = next((h for h in mx.exchangers if h.unknown), None)
    known = [set(h.addresses.every) for h in mx.exchangers if h.addresses is not None]
    apart = any(one and other and not one & other for n, one in enumerate(known) for other in known[:n])
    if apart:
        return Passed(f"{len(mx.exchangers)} MX hosts on different addresses")
    if blind is not None and blind.unknown is not None:
        return Inconclusive(f"{blind.name}: {blind.unknown.detail}", blind.unknown.reason)
    return Failed("all mail depends on one host", tuple({"host": host.name} for host in mx.exchangers))


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.LOW,
    remedy=ByHand(
        "Set up a second host in another network that queues for the domain and refuses unknown recipients, then add it as MX with a higher preference number."
    ),
    runbook="provider-outage",
    references=(
        "RFC 5321 section 5.1",
        "RFC 2182",
    ),
)
