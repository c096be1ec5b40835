"""Every MX host has an address.

A sender that meets a name without address tries the next one, or gives up; a name that leads to a private or
loopback address sends the mail to whoever asks for it. A name that only could not be asked is unknown, not wrong.
"""

from auditor.evidence.dns import is_address, not_public
from auditor.evidence.mx import Exchanger, MailExchangers
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
    counted,
)


def _fault(host: Exchanger) -> str | None:
    if host.addresses is None:
        return None
    if is_address(host.name):
        return "an address, where a name must stand"
    if not host.addresses.every:
        return "no such name" if not host.exists else "no address"
    inward = next((a for a in host.addresses.every if not_public(a)), None)
    return f"leads to {inward}, which nobody outside reaches" if inward else None


def judge(mx: MailExchangers) -> Verdict:
    """All targets; the null MX has none."""
    if mx.null and not mx.exchangers:
        return NotApplicable("the domain takes no mail: null MX")
    if not mx.exchangers:
        if mx.implicit and mx.implicit.every:
            return Failed(
                "no MX record: mail goes to the address of the domain itself",
                tuple({"address": a} for a in mx.implicit.every),
                severity=Severity.LOW,
            )
        return Failed("no MX record and no address: nobody can write to the domain")
    faults = tuple({"host": h.name, "fault": fault} for h in mx.exchangers if (fault := _fault(h)))
    if faults:
        return Failed(f"{faults[0]['host']}: {faults[0]['fault']}", faults)
    blind = next((h for h in mx.exchangers if h.unknown), None)
    if blind is not None and blind.unknown is not None:
        return Inconclusive(f"{blind.name}: {blind.unknown.detail}", blind.unknown.reason)
    return Passed(
        f"{counted(len(mx.exchangers), 'MX host')}, none without an address",
        tuple({"host": h.name} for h in mx.exchangers),
    )


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Correct the MX record or the address record of its host in the zone: one name per MX, with A (and AAAA) records of the public addresses."
    ),
    runbook="name-resolution",
    references=(
        "RFC 5321 section 5.1",
        "RFC 1035 section 3.3.9",
    ),
)
