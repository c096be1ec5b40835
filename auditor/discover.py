"""What the user named -> subjects: hosts and domains, with their relations read from the DNS."""

import asyncio
import ipaddress
from collections.abc import Iterable

from auditor.evidence.dns import Answer, Existence
from auditor.model import Declared, Domain, Host, SshTarget, Subject
from auditor.net import CannotLook, Network

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


def is_address(text: str) -> bool:
    """An IPv4 or IPv6 address, as people write it."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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


async def _domain_of(host: str, network: Network) -> tuple[str, ...]:
    """The nearest parent whose MX is this host: mx1.example.org -> example.org."""
    labels = host.split(".")
    for start in range(1, min(len(labels) - 1, 4)):
        parent = ".".join(labels[start:])
        if host in await _mx(parent, network):
            return (parent,)
    return ()


async def _discover_one(
    target: str, network: Network, declared: Declared | None, ssh: SshTarget | None
) -> tuple[Subject, ...]:
    said = declared or Declared()
    if is_address(target):
        return (
            Host(name=target, addresses=(target,), domains=said.domains, ssh=ssh, declared=said),
            *(Domain(name=name, hosts=(target,), declared=said) for name in said.domains),
        )
    mx, exists = await asyncio.gather(_mx(target, network), _exists(target, network))
    if declared is None and mx:
        hosts = dict.fromkeys((*mx, *((target,) if exists and target in mx else ())))
        return (
            Domain(name=target, hosts=tuple(hosts), declared=said),
            *(Host(name=name, domains=(target,), ssh=ssh if len(hosts) == 1 else None) for name in hosts),
        )
    domains = said.domains or await _domain_of(target, network)
    if declared is None and not domains and not exists:
        return (Domain(name=target, declared=said),)
    return (
        Host(name=target, domains=domains, ssh=ssh, declared=said),
        *(Domain(name=name, hosts=(target,), declared=said) for name in domains),
    )


def _merge(subjects: Iterable[Subject]) -> tuple[Subject, ...]:
    """One subject per name; a domain named by several hosts has all of them."""
    merged: dict[tuple[type, str], Subject] = {}
    for subject in subjects:
        key = (type(subject), subject.name)
        known = merged.get(key)
        if isinstance(known, Domain) and isinstance(subject, Domain):
            hosts = tuple(dict.fromkeys((*known.hosts, *subject.hosts)))
            merged[key] = Domain(name=known.name, hosts=hosts, declared=known.declared)
        elif isinstance(known, Host) and isinstance(subject, Host):
            merged[key] = Host(
                name=known.name,
                addresses=known.addresses or subject.addresses,
                domains=tuple(dict.fromkeys((*known.domains, *subject.domains))),
                ssh=known.ssh or subject.ssh,
                declared=known.declared,
            )
        else:
            merged[key] = subject
    return tuple(merged.values())


async def discover(
    targets: Iterable[tuple[str, Declared | None, SshTarget | None]], network: Network
) -> tuple[Subject, ...]:
    """Subjects of a scan.

    A name with MX records is a domain together with its MX hosts; a name or address without is a host,
    together with the domains that the inventory says it serves, else the parent that names it as MX.
    """
    found = await asyncio.gather(*(_discover_one(t, network, d, s) for t, d, s in targets))
    return _merge(subject for subjects in found for subject in subjects)
