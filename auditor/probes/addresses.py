"""Addresses of a host."""

import asyncio
from ipaddress import ip_address

from auditor.evidence.dns import HostAddresses
from auditor.model import Host
from auditor.net import Network

MAX_ADDRESSES = 16
"""Of each family. A mail host has one or two; a hostile zone may list thousands."""


async def host_addresses(host: Host, network: Network) -> HostAddresses:
    """As the target was given, else as the DNS has them. That there are none is a proven answer, not a failure."""
    if host.addresses:
        return HostAddresses(
            v4=tuple(a for a in host.addresses if ip_address(a).version == 4),
            v6=tuple(a for a in host.addresses if ip_address(a).version == 6),
        )
    v4, v6 = await asyncio.gather(
        network.resolver.ask(host.name, "A"), network.resolver.ask(host.name, "AAAA")
    )
    return HostAddresses(v4=v4.records[:MAX_ADDRESSES], v6=v6.records[:MAX_ADDRESSES])
