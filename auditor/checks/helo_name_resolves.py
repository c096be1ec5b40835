"""The name by which the host introduces itself leads to the host.

Servers say it in their greeting and, in the usual configuration, in their own EHLO when they send. Receivers
refuse a name that does not exist or has no dot, and distrust one that leads elsewhere (RFC 5321 section 4.1.1.1).
"""

from ipaddress import ip_address

from auditor.evidence.greeting_name import GreetingName, GreetingNames
from auditor.model import ByHand, Check, Failed, Family, Inconclusive, Passed, Reason, Severity, Verdict


def _fault(found: GreetingName) -> tuple[Severity, str] | None:
    if not found.qualified:
        return Severity.HIGH, f"{found.name[:80]!a} is no full domain name"
    if found.addresses is None:
        return None
    if not found.addresses.every:
        return Severity.HIGH, f"{found.name} has no address"
    home = ip_address(found.address) in map(ip_address, found.addresses.every)
    return None if home else (Severity.LOW, f"{found.name} leads elsewhere")


def judge(greetings: GreetingNames) -> Verdict:
    """Every address that answered."""
    faults = [(found.address, *fault) for found in greetings.names if (fault := _fault(found))]
    if faults:
        address, severity, text = min(faults, key=lambda fault: fault[1].rank)
        observed = tuple({"address": a, "fault": t} for a, _, t in faults)
        return Failed(f"{address}: {text}", observed, severity=severity)
    blind = next((found.unknown for found in greetings.names if found.unknown), None)
    if blind:
        return Inconclusive(blind.detail, blind.reason)
    if not greetings.names:
        return Inconclusive("no address answered", Reason.UNREACHABLE)
    return Passed(
        "the greeting leads back", tuple({"address": g.address, "name": g.name} for g in greetings.names)
    )


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Set the host name of the mail program (Postfix: myhostname, Exim: primary_hostname, OpenSMTPD: smtp hostname, "
        "Sendmail: confDOMAIN_NAME) to the name in the PTR record, and give that name an A and AAAA record."
    ),
    runbook="destination-refuses",
    references=("RFC 5321 section 4.1.1.1", "RFC 1912 section 2.1"),
)
