"""The zone is served from at least two addresses.

When the only name server is down, the domain has no MX, no SPF and no DKIM key: mail is deferred, then refused.
Two names on one address, or name servers without an address, are no redundancy (RFC 2182).
"""

from auditor.evidence.zone import NameServers
from auditor.model import ByHand, Check, Failed, Family, Inconclusive, Passed, Reason, Severity, Verdict


def judge(servers: NameServers) -> Verdict:
    """Distinct addresses of all name servers."""
    if not servers.servers:
        return Inconclusive("no NS record was found on the way up", Reason.MALFORMED)
    lame = tuple(
        {"server": s.name, "fault": "no address"}
        for s in servers.servers
        if s.addresses and not s.addresses.every
    )
    if lame:
        return Failed(f"{lame[0]['server']} has no address", lame)
    addresses = {a for s in servers.servers if s.addresses for a in s.addresses.every}
    holders = [s for s in servers.servers if s.addresses]
    if len(holders) > 1 and len({s.addresses for s in holders}) > 1 and len(addresses) > 1:
        return Passed(f"{servers.zone} is served by {len(servers.servers)} name servers")
    blind = next((s for s in servers.servers if s.unknown), None)
    if blind is not None and blind.unknown is not None:
        return Inconclusive(f"{blind.name}: {blind.unknown.detail}", blind.unknown.reason)
    return Failed(
        f"{servers.zone} depends on one name server", tuple({"server": s.name} for s in servers.servers)
    )


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Have a second name server in another network serve the zone as secondary, then add it to the NS records in the zone and at the registry."
    ),
    runbook="name-resolution",
    references=(
        "RFC 2182 section 5",
        "RFC 1034 section 4.1",
    ),
)
