"""The MX record set, and the addresses of every host in it."""

import asyncio

from auditor.evidence.dns import Existence, HostAddresses
from auditor.evidence.mx import Exchanger, MailExchangers, read_exchangers
from auditor.model import Domain
from auditor.net import CannotLook, Network

MAX_EXCHANGERS = 20
"""Targets that are looked up; the widest real sets have about ten."""
MAX_ADDRESSES = 16


async def mail_exchangers(domain: Domain, network: Network) -> MailExchangers:
    """Ask for MX, then for all targets at once."""
    answer = await network.resolver.ask(domain.name, "MX")
    pairs = read_exchangers(answer)
    targets = [pair for pair in pairs if pair[1]]
    found = await asyncio.gather(*(_exchanger(pair, network) for pair in targets[:MAX_EXCHANGERS]))
    implicit = None
    if answer.existence is Existence.NODATA:
        implicit, _ = await _addresses(domain.name, network)
    return MailExchangers(
        existence=answer.existence,
        exchangers=tuple(found),
        null=len(targets) < len(pairs),
        ttl=answer.ttl,
        secure=answer.secure,
        omitted=answer.omitted + max(0, len(targets) - MAX_EXCHANGERS),
        implicit=implicit,
    )


async def _addresses(name: str, network: Network) -> tuple[HostAddresses, tuple[Existence, str]]:
    v4, v6 = await asyncio.gather(network.resolver.ask(name, "A"), network.resolver.ask(name, "AAAA"))
    addresses = HostAddresses(v4=v4.records[:MAX_ADDRESSES], v6=v6.records[:MAX_ADDRESSES])
    return addresses, (v4.existence, v4.canonical)


async def _exchanger(pair: tuple[int, str], network: Network) -> Exchanger:
    preference, name = pair
    try:
        addresses, (existence, canonical) = await _addresses(name, network)
    except CannotLook as reason:
        return Exchanger(name=name, preference=preference, unknown=reason.as_unavailable())
    return Exchanger(
        name=name,
        preference=preference,
        exists=existence is not Existence.NXDOMAIN,
        canonical=canonical,
        addresses=addresses,
    )
