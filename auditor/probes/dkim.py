"""DKIM keys under `_domainkey`."""

import asyncio

from auditor.evidence.dkim import GUESSES, DkimKey, DkimKeys, read_key
from auditor.evidence.dns import Answer, Existence
from auditor.model import Domain, Options, Unavailable
from auditor.net import CannotLook, Network

MAX_SELECTORS = 64


async def dkim_keys(domain: Domain, network: Network, options: Options) -> DkimKeys:
    """Selectors of the inventory, else the common ones; a random one as control against wildcards."""
    parent = f"_domainkey.{domain.name}"
    declared = domain.declared.dkim_selectors[:MAX_SELECTORS]
    control = f"zz-{options.label}.{parent}"
    below = await network.resolver.ask(parent, "TXT")
    if below.existence is Existence.NXDOMAIN and not declared:
        return DkimKeys(below=below.existence)
    selectors = declared or GUESSES
    echo, found = await asyncio.gather(
        network.resolver.ask(control, "TXT"),
        asyncio.gather(*(_ask(f"{selector}.{parent}", network) for selector in selectors)),
    )
    keys, unknown = [], []
    for selector, answer in zip(selectors, found, strict=True):
        if isinstance(answer, Unavailable):
            unknown.append((selector, answer))
        elif answer.existence is Existence.FOUND and (declared or answer.records != echo.records):
            keys.append(_key(selector, answer))
    return DkimKeys(
        below=below.existence,
        wildcard=echo.existence is Existence.FOUND,
        declared=declared,
        keys=tuple(keys),
        unknown=tuple(unknown),
    )


def _key(selector: str, answer: Answer) -> DkimKey:
    return read_key(selector, answer.records, answer.canonical)


async def _ask(name: str, network: Network) -> Answer | Unavailable:
    try:
        return await network.resolver.ask(name, "TXT")
    except CannotLook as reason:
        return reason.as_unavailable()
