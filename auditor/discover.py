"""What the user named -> subjects: hosts and domains, with their relations read from the DNS."""

import asyncio
from collections.abc import Collection, Iterable
from typing import NamedTuple

from auditor.evidence.dns import Answer, Existence, is_address
from auditor.model import Declared, Domain, Host, SshTarget, Subject
from auditor.net import CannotLook, Network


class Target(NamedTuple):
    """One thing to scan, as named by the user or the inventory."""

    name: str
    """Host, domain or address; lower case, without the last dot."""
    declared: Declared | None = None
    """Set when it comes from an inventory: then it is a host, whatever its MX records say."""
    ssh: SshTarget | None = None


MAX_MX = 20
"""Hosts of one domain that are looked at; a hostile zone may list thousands."""


def parse_mx(answer: Answer) -> tuple[str, ...]:
    """MX targets by preference, without the null MX (RFC 7505) and without the last dot."""
    pairs = []
    for record in answer.records:
        preference, _, target = record.partition(" ")
        name = target.strip().rstrip(".").lower()
        if preference.isdigit() and name:
            pairs.append((int(preference), name))
    return tuple(dict.fromkeys(name for _, name in sorted(pairs)))


async def _mx(name: str, network: Network) -> tuple[str, ...]:
    try:
        return parse_mx(await network.resolver.ask(name, "MX"))[:MAX_MX]
    except CannotLook:
        return ()  # the checks ask again and report the reason; here it only means: no relation known


async def _exists(name: str, network: Network) -> bool:
    try:
        found = await asyncio.gather(network.resolver.ask(name, "A"), network.resolver.ask(name, "AAAA"))
    except CannotLook:
        return True
    return any(answer.existence is Existence.FOUND for answer in found)


async def _found(name: str, kind: str, network: Network) -> bool:
    try:
        return (await network.resolver.ask(name, kind)).existence is Existence.FOUND
    except CannotLook:
        return False


async def _may_be_zone(name: str, network: Network) -> bool:
    """A zone that does not validate answers nothing at all, and is looked at as the domain that it is."""
    try:
        return (await network.resolver.ask(name, "SOA")).existence is Existence.FOUND
    except CannotLook:
        return True


async def _domain_of(host: str, network: Network) -> tuple[str, ...]:
    """The nearest parent whose MX is this host: mx1.example.org -> example.org."""
    labels = host.split(".")
    for start in range(1, min(len(labels) - 1, 4)):
        parent = ".".join(labels[start:])
        if host in await _mx(parent, network):
            return (parent,)
    return ()


def _way_into(name: str, hosts: Collection[str], ssh: SshTarget | None) -> SshTarget | None:
    return ssh if ssh is not None and (len(hosts) == 1 or ssh.host == name) else None


def _silent(said: Declared, served: Collection[str]) -> Iterable[Domain]:
    """Domains that the inventory says send nothing. Whose hosts take their mail, if any, is not asked: they are not ours to scan."""
    return (Domain(name=name, declared=said) for name in said.silent_domains if name not in served)


async def _discover_one(named: Target, network: Network) -> tuple[Subject, ...]:
    target, declared, ssh = named
    said = declared or Declared()
    if is_address(target):
        return (
            Host(name=target, addresses=(target,), domains=said.domains, ssh=ssh, declared=said),
            *(Domain(name=name, hosts=(target,), declared=said) for name in said.domains),
            *_silent(said, said.domains),
        )
    if declared is None:
        hosts = await _served_by(target, network)
        if hosts is not None:
            return (
                Domain(name=target, hosts=hosts),
                *(Host(name=name, domains=(target,), ssh=_way_into(name, hosts, ssh)) for name in hosts),
            )
    domains = said.domains or await _domain_of(target, network)
    exists = await _exists(target, network)
    # An inventory name that the DNS does not know is reached where ansible reaches it.
    addresses = (ssh.host,) if ssh is not None and not exists and is_address(ssh.host) else ()
    return (
        Host(name=target, addresses=addresses, domains=domains, ssh=ssh, declared=said),
        *(Domain(name=name, hosts=(target,), declared=said) for name in domains),
        *_silent(said, domains),
    )


async def _served_by(name: str, network: Network) -> tuple[str, ...] | None:
    """The mail hosts of a domain; None for what is a host and no domain.

    Without MX the domain's own address takes its mail (RFC 5321 section 5.1), with a null MX nobody does (RFC 7505).
    """
    if await _found(name, "MX", network):
        return await _mx(name, network)
    exists, is_zone = await asyncio.gather(_exists(name, network), _may_be_zone(name, network))
    if is_zone:
        return (name,) if exists else ()
    return None if exists or await _domain_of(name, network) else ()


def _said(known: Declared, also: Declared) -> Declared:
    """The inventory's word, whichever of two mentions has it."""
    return also if known == Declared() else known


def merge(subjects: Iterable[Subject]) -> tuple[Subject, ...]:
    """One subject per name; a domain named by several hosts has all of them."""
    merged: dict[tuple[type, str], Subject] = {}
    for subject in subjects:
        key = (type(subject), subject.name)
        known = merged.get(key)
        if isinstance(known, Domain) and isinstance(subject, Domain):
            hosts = tuple(dict.fromkeys((*known.hosts, *subject.hosts)))
            merged[key] = Domain(
                name=known.name, hosts=hosts, declared=_said(known.declared, subject.declared)
            )
        elif isinstance(known, Host) and isinstance(subject, Host):
            merged[key] = Host(
                name=known.name,
                addresses=known.addresses or subject.addresses,
                domains=tuple(dict.fromkeys((*known.domains, *subject.domains))),
                ssh=known.ssh or subject.ssh,
                declared=_said(known.declared, subject.declared),
            )
        else:
            merged[key] = subject
    return tuple(merged.values())


async def discover(targets: Iterable[Target], network: Network) -> tuple[Subject, ...]:
    """Subjects of a scan.

    A name with MX records, or with a zone of its own, is a domain together with its mail hosts; any other is a host,
    together with the domains that the inventory says it serves, else the parent that names it as MX.
    """
    found = await asyncio.gather(*(_discover_one(target, network) for target in targets))
    return merge(subject for subjects in found for subject in subjects)
