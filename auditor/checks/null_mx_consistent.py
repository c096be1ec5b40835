"""A domain that takes no mail says so consistently.

A null MX beside other records means nothing (RFC 7505), and senders do as they like: it must stand alone. A domain
that takes no mail should send none either, or its bounces go nowhere; then SPF `-all` and DMARC `p=reject`
take it out of every forger's reach.
"""

from auditor.evidence.dmarc import DmarcPolicy
from auditor.evidence.mx import MailExchangers
from auditor.evidence.spf import SpfTree, understand
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

WHICH = (
    "Does the domain take mail? Then take the MX `0 .` away. If it takes none, take its other MX records away, name it in "
    "mail_silent_domains and run the playbook authentication-records."
)


def judge(mx: MailExchangers, spf: SpfTree | Unavailable, dmarc: DmarcPolicy | Unavailable) -> Verdict:
    """Alone, and matched by SPF and DMARC."""
    if not mx.null:
        return NotApplicable("the domain has no null MX")
    if mx.exchangers:
        hosts = tuple({"host": host.name} for host in mx.exchangers)
        return Failed("a null MX stands beside other MX records", hosts, by_hand=WHICH)
    if isinstance(spf, Unavailable):
        return Inconclusive(spf.detail, spf.reason)
    if not understand(spf).nobody_passes:
        return Failed("no mail is taken, but SPF does not say that none is sent", severity=Severity.LOW)
    if isinstance(dmarc, Unavailable):
        return Inconclusive(dmarc.detail, dmarc.reason)
    if not dmarc.usable or dmarc.own != "reject":
        return Failed("no mail is taken or sent, but DMARC does not ask to reject it", severity=Severity.LOW)
    return Passed("null MX, SPF -all and DMARC reject agree")


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.MEDIUM,
    remedy=Playbook("authentication-records"),
    runbook="name-resolution",
    references=(
        "RFC 7505 section 3",
        "RFC 7505 section 4.2",
    ),
)
