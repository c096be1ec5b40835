"""PTR records of every address, and whether their names lead back."""

import asyncio
from ipaddress import ip_address

from auditor.evidence.dns import HostAddresses
from auditor.evidence.reverse import Reverse, ReverseNames, reverse_name
from auditor.model import Host
from auditor.net import CannotLook, Network

MAX_NAMES = 10


async def reverse_names(host: Host, addresses: HostAddresses, network: Network) -> ReverseNames:  # noqa: ARG001 - names the subject
    """All addresses at once."""
    found = await asyncio.gather(*(_reverse(address, network) for address in addresses.every))
    return ReverseNames(addresses=tuple(found))


async def _reverse(address: str, network: Network) -> Reverse:
    kind = "A" if ip_address(address).version == 4 else "AAAA"
    try:
        answer = await network.resolver.ask(reverse_name(address), "PTR")
        names = tuple(sorted({record.rstrip(".").lower() for record in answer.records}))[:MAX_NAMES]
        back = await asyncio.gather(*(network.resolver.ask(name, kind) for name in names))
    except CannotLook as reason:
        return Reverse(address=address, unknown=reason.as_unavailable())
    ip = ip_address(address)
    confirmed = tuple(
        name
        for name, forward in zip(names, back, strict=True)
        if any(ip_address(record) == ip for record in forward.records)
    )
    return Reverse(address=address, names=names, confirmed=confirmed)
