"""Every address of the host leads back to its name.

Large receivers refuse mail from an address without a PTR record, or whose PTR name does not lead back, and
distrust names that look like a provider's numbering. IPv6 is judged more strictly than IPv4 and forgotten more
often (Gmail refuses).
"""

from auditor.evidence.reverse import Reverse, ReverseNames
from auditor.model import ByHand, Check, Failed, Family, Inconclusive, Passed, Reason, Severity, Verdict


def _fault(found: Reverse) -> tuple[Severity, str] | None:
    if found.unknown is not None:
        return None
    if not found.names:
        return Severity.HIGH, "no PTR record"
    if not found.confirmed:
        return Severity.HIGH, f"{found.names[0]} does not lead back"
    return (Severity.LOW, f"{found.confirmed[0]} looks like a dial-in pool") if found.generic else None


def judge(reverse: ReverseNames) -> Verdict:
    """PTR, and its name leads to the address again."""
    faults = [(a.address, *fault) for a in reverse.addresses if (fault := _fault(a))]
    if faults:
        address, severity, text = min(faults, key=lambda fault: fault[1].rank)
        observed = tuple({"address": a, "fault": t} for a, _, t in faults)
        return Failed(f"{address}: {text}", observed, severity=severity)
    blind = next((a for a in reverse.addresses if a.unknown), None)
    if blind is not None and blind.unknown is not None:
        return Inconclusive(f"{blind.address}: {blind.unknown.detail}", blind.unknown.reason)
    if not reverse.addresses:
        return Inconclusive("the host has no address", Reason.NO_ADDRESS)
    return Passed(
        "every address leads back to its name",
        tuple({"address": a.address, "name": a.confirmed[0]} for a in reverse.addresses),
    )


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Ask whoever routes the address (the hosting or internet provider) to set its PTR record to the host's name, and give that name an A or AAAA record with the address. For IPv6 set it for the address that the host really sends from."
    ),
    runbook="destination-refuses",
    references=(
        "RFC 1912 section 2.1",
        "RFC 8499",
    ),
)
