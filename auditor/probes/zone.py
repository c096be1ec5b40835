"""Name servers of the zone, DNSSEC, and names that records point at."""

import asyncio
from collections.abc import Iterator

from auditor.evidence.dkim import DkimKeys
from auditor.evidence.dns import Answer, Existence, HostAddresses
from auditor.evidence.mx import MailExchangers
from auditor.evidence.spf import SpfTree, read_terms
from auditor.evidence.zone import (
    MailName,
    MailNames,
    NameServer,
    NameServers,
    Trust,
    Validated,
    ZoneValidation,
)
from auditor.model import Domain, Reason, Unavailable
from auditor.net import CannotLook, Network

MAX_SERVERS = 16
MAX_NAMES = 80
CLIENT_NAMES = ("mta-sts", "autoconfig", "autodiscover")
"""Labels that mail clients and senders ask for by themselves, often CNAMEs to a provider left long ago."""


async def name_servers(domain: Domain, network: Network) -> NameServers:
    """NS of the domain, else of the nearest parent that has some."""
    labels = domain.name.split(".")
    for start in range(len(labels)):
        zone = ".".join(labels[start:])
        answer = await network.resolver.ask(zone, "NS")
        if answer.existence is Existence.FOUND:
            names = sorted({record.rstrip(".").lower() for record in answer.records})[:MAX_SERVERS]
            return NameServers(
                zone=zone, servers=tuple(await asyncio.gather(*(_server(n, network) for n in names)))
            )
    return NameServers(zone=domain.name)


async def _server(name: str, network: Network) -> NameServer:
    try:
        v4, v6 = await asyncio.gather(network.resolver.ask(name, "A"), network.resolver.ask(name, "AAAA"))
    except CannotLook as reason:
        return NameServer(name=name, unknown=reason.as_unavailable())
    return NameServer(name=name, addresses=HostAddresses(v4=v4.records[:16], v6=v6.records[:16]))


async def zone_validation(
    domain: Domain, exchangers: MailExchangers | Unavailable, network: Network
) -> ZoneValidation:
    """A name is bogus when the resolver refuses it, but hands it over once checking is switched off."""
    hosts = () if isinstance(exchangers, Unavailable) else exchangers.exchangers
    questions = [(domain.name, "MX"), *((host.name, "A") for host in hosts)]
    signed, found = await asyncio.gather(
        _signed(domain.name, network),
        asyncio.gather(*(_validate(name, kind, network) for name, kind in questions)),
    )
    return ZoneValidation(signed=signed, names=tuple(found))


async def _signed(name: str, network: Network) -> bool:
    try:
        return (await network.resolver.ask(name, "DS")).existence is Existence.FOUND
    except CannotLook:
        return (await network.resolver.ask(name, "DS", checking_disabled=True)).existence is Existence.FOUND


async def _validate(name: str, kind: str, network: Network) -> Validated:
    try:
        answer = await network.resolver.ask(name, kind)
    except CannotLook as refusal:
        if refusal.reason is not Reason.SERVFAIL:
            return Validated(name=name, kind=kind, unknown=refusal.as_unavailable())
        try:
            await network.resolver.ask(name, kind, checking_disabled=True)
        except CannotLook:
            return Validated(name=name, kind=kind, unknown=refusal.as_unavailable())
        return Validated(name=name, kind=kind, trust=Trust.BOGUS)
    return Validated(name=name, kind=kind, trust=Trust.SECURE if answer.secure else Trust.INSECURE)


async def mail_names(
    domain: Domain,
    exchangers: MailExchangers | Unavailable,
    spf: SpfTree | Unavailable,
    keys: DkimKeys | Unavailable,
    network: Network,
) -> MailNames:
    """MX targets, SPF targets, and where the CNAMEs of keys and client names end."""
    direct = dict(_pointed_at(exchangers, spf))
    owners = [f"{label}.{domain.name}" for label in CLIENT_NAMES]
    if not isinstance(keys, Unavailable):
        owners += [f"{selector}._domainkey.{domain.name}" for selector in keys.declared]
    found = await asyncio.gather(
        *(_look(name, why, network) for name, why in list(direct.items())[:MAX_NAMES]),
        *(_alias(owner, network) for owner in owners),
    )
    named = tuple(name for name in found if name is not None)
    return MailNames(names=(*named, *_unseen(domain.name, exchangers, spf, keys)))


def _unseen(
    domain: str,
    exchangers: MailExchangers | Unavailable,
    spf: SpfTree | Unavailable,
    keys: DkimKeys | Unavailable,
) -> Iterator[MailName]:
    """Records that gave no answer: whatever they point at was not looked at."""
    for what, piece in (("MX", exchangers), ("SPF", spf), ("DKIM", keys)):
        if isinstance(piece, Unavailable):
            yield MailName(name=domain, why=what, unknown=piece)
    if not isinstance(spf, Unavailable):
        for name, why in spf.unknowns:
            yield MailName(name=name, why="SPF", unknown=why)


def _pointed_at(
    exchangers: MailExchangers | Unavailable, spf: SpfTree | Unavailable
) -> Iterator[tuple[str, str]]:
    if not isinstance(spf, Unavailable):
        for record in spf.records:
            for term in read_terms(record.records[0], record.domain) if len(record.records) == 1 else ():
                if term.name in ("include", "redirect", "a", "mx") and term.target and "%" not in term.target:
                    yield term.target, f"{term.name} in the SPF record of {record.domain}"
    if not isinstance(exchangers, Unavailable):
        for host in exchangers.exchangers:
            yield host.name, "MX"


async def _look(name: str, why: str, network: Network) -> MailName:
    try:
        answer = await network.resolver.ask(name, "A")
        missing = await _highest_missing(answer, network)
    except CannotLook as reason:
        return MailName(name=name, why=why, unknown=reason.as_unavailable())
    return MailName(name=name, why=why, missing=missing)


async def _alias(owner: str, network: Network) -> MailName | None:
    """The end of a CNAME; None where the owner is no CNAME."""
    try:
        answer = await network.resolver.ask(owner, "CNAME")
    except CannotLook as reason:
        return MailName(name=owner, why="asked by mail clients and senders", unknown=reason.as_unavailable())
    if answer.existence is not Existence.FOUND:
        return None
    return await _look(answer.records[0].rstrip(".").lower(), f"CNAME of {owner}", network)


async def _highest_missing(answer: Answer, network: Network) -> str:
    """Whoever can register that name takes over what points below it."""
    if answer.existence is not Existence.NXDOMAIN:
        return ""
    missing = answer.canonical or answer.name
    while "." in missing:
        parent = missing.partition(".")[2]
        if (await network.resolver.ask(parent, "NS")).existence is not Existence.NXDOMAIN:
            return missing
        missing = parent
    return missing
