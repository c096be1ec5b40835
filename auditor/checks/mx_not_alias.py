"""No MX record points at an alias.

A CNAME behind an MX is forbidden (RFC 2181 section 10.3): some senders bounce, others rewrite the recipient
domain, and DANE and MTA-STS no longer agree about the host's name.
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
    """The CNAME chain of every target is empty."""
    if not mx.exchangers:
        return NotApplicable("there is no MX host")
    aliases = tuple(
        {"host": h.name, "alias of": h.canonical}
        for h in mx.exchangers
        if h.addresses is not None and h.canonical not in ("", h.name)
    )
    if aliases:
        return Failed(f"{aliases[0]['host']} is an alias of {aliases[0]['alias of']}", aliases)
    blind = next((h for h in mx.exchangers if h.unknown), None)
    if blind is not None and blind.unknown is not None:
        return Inconclusive(f"{blind.name}: {blind.unknown.detail}", blind.unknown.reason)
    return Passed("every MX record names a host itself")


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "In the zone, replace the target of the MX record by the name at the end of the CNAME, or give the target A and AAAA records of its own."
    ),
    runbook="name-resolution",
    references=(
        "RFC 2181 section 10.3",
        "RFC 5321 section 5.1",
    ),
)
