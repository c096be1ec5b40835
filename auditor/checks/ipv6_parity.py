"""The mail hosts are reachable over IPv6 as over IPv4.

Where one MX host has an IPv6 address and another has none, or where only the backup has one, the order of
preference differs by family, and what was tested over one is not what senders over the other meet. Hosts
without any IPv6 are no fault.
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
    """Either no MX host has IPv6, or all have."""
    if not mx.exchangers:
        return NotApplicable("there is no MX host")
    known = [(h.name, h.addresses) for h in mx.exchangers if h.addresses is not None]
    without = tuple({"host": name, "missing": "AAAA"} for name, a in known if a.v4 and not a.v6)
    only = tuple({"host": name, "missing": "A"} for name, a in known if a.v6 and not a.v4)
    some = any(a.v6 for _, a in known)
    if only:
        return Failed(f"{only[0]['host']} has only IPv6: most senders cannot reach it", only)
    if some and without:
        return Failed(f"{without[0]['host']} has no IPv6, though others have", without)
    blind = next((h for h in mx.exchangers if h.unknown), None)
    if blind is not None and blind.unknown is not None:
        return Inconclusive(f"{blind.name}: {blind.unknown.detail}", blind.unknown.reason)
    if not some:
        return NotApplicable("no MX host has an IPv6 address")
    return Passed("every MX host has both families")


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.LOW,
    remedy=ByHand(
        "Give every MX host that listens on IPv6 its AAAA record (and PTR), or remove the AAAA records of hosts that do not listen."
    ),
    runbook="name-resolution",
    references=("RFC 3974",),
)
