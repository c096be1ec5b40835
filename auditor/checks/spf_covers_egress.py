"""The addresses that the domain's own hosts send from pass its SPF record.

A new address, a second family, a smarthost: mail goes out from where the record does not expect it, and is
refused or junked from that day on. IPv6 is forgotten most often, because the host prefers it silently.
Only hosts that the inventory gives a sending role are held to this; an MX host of others may never send.
"""

from auditor.evidence.dns import HostAddresses
from auditor.evidence.spf import SpfTree, understand
from auditor.model import (
    Check,
    Domain,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Passed,
    PerHost,
    Playbook,
    Reason,
    Severity,
    Unavailable,
    Verdict,
)


def judge(tree: SpfTree, addresses: PerHost[HostAddresses], domain: Domain) -> Verdict:
    """Every address of every host; a host whose role is not declared cannot fail it."""
    if len(tree.root.records) != 1:
        return NotApplicable("there is no single SPF record to compare with")
    meaning = understand(tree)
    if meaning.nobody_passes:
        return NotApplicable("the record says that the domain sends no mail")
    seen = [
        (host, a) for host, found in addresses.found if isinstance(found, HostAddresses) for a in found.every
    ]
    outside = tuple({"host": host, "address": a} for host, a in seen if not meaning.passes(a))
    blind = next((found for _, found in addresses.found if isinstance(found, Unavailable)), None)
    if outside and (tree.doubt or meaning.open_terms):
        return tree.doubt or Inconclusive(
            "the record decides by terms that only a real message resolves", Reason.UNSUPPORTED, outside
        )
    if outside and not domain.declared.domains:
        return Inconclusive("which hosts send for the domain is not declared", Reason.NOT_DECLARED, outside)
    if outside:
        return Failed(f"{outside[0]['address']} does not pass the domain's own SPF record", outside)
    if blind is not None:
        return Inconclusive(blind.detail, blind.reason)
    if not seen:
        return Inconclusive("no host with an address is known for the domain", Reason.NO_ADDRESS)
    return Passed(f"all {len(seen)} addresses pass")


CHECK = Check.of(
    judge,
    family=Family.SPF,
    severity=Severity.HIGH,
    remedy=Playbook("authentication-records"),
    runbook="destination-refuses",
    references=("RFC 7208 section 2.4", "RFC 7208 section 8"),
)
