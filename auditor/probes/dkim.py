"""DKIM keys under `_domainkey`."""

import asyncio

from auditor.evidence.dkim import GUESSES, MORE_GUESSES, DkimKey, DkimKeys, SignerKeys, read_key
from auditor.evidence.dns import Answer, Existence
from auditor.model import Domain, Options, PerHost, Unavailable
from auditor.net import CannotLook, Network

MAX_SELECTORS = 64
Looked = tuple[tuple[str, Answer | Unavailable], ...]
Unknown = tuple[tuple[str, Unavailable], ...]


async def dkim_keys(
    domain: Domain, network: Network, options: Options, signers: PerHost[SignerKeys] | Unavailable
) -> DkimKeys:
    """Selectors of the inventory and of the signers, else the common ones; a random one against wildcards."""
    parent = f"_domainkey.{domain.name}"
    declared = _known(domain, signers)
    control = f"zz-{options.label}.{parent}"
    below = await network.resolver.ask(parent, "TXT")
    if below.existence is Existence.NXDOMAIN and not declared:
        return DkimKeys(below=below.existence)
    echo, first = await asyncio.gather(
        network.resolver.ask(control, "TXT"), _look(declared or GUESSES, parent, network)
    )
    keys, unknown = _sort(first, echo=() if declared else echo.records)
    if not declared and (options.thorough or not keys):
        more, blind = _sort(await _look(MORE_GUESSES, parent, network), echo=echo.records)
        keys, unknown = keys + more, unknown + blind
    return DkimKeys(
        below=below.existence,
        wildcard=echo.existence is Existence.FOUND,
        declared=declared,
        keys=keys,
        unknown=unknown,
    )


def _known(domain: Domain, signers: PerHost[SignerKeys] | Unavailable) -> tuple[str, ...]:
    found = [keys for _, keys in signers.found] if isinstance(signers, PerHost) else []
    used = [
        key.selector
        for keys in found
        if isinstance(keys, SignerKeys)
        for key in keys.keys
        if key.domain.lower() == domain.name
    ]
    named = (selector.lower() for selector in (*domain.declared.dkim_selectors, *used))
    return tuple(dict.fromkeys(named))[:MAX_SELECTORS]


async def _look(selectors: tuple[str, ...], parent: str, network: Network) -> Looked:
    found = await asyncio.gather(*(_ask(f"{selector}.{parent}", network) for selector in selectors))
    return tuple(zip(selectors, found, strict=True))


def _sort(looked: Looked, *, echo: tuple[str, ...]) -> tuple[tuple[DkimKey, ...], Unknown]:
    """Keys that are no echo of a wildcard, and selectors that gave no answer."""
    keys = tuple(
        read_key(selector, answer.records, answer.canonical)
        for selector, answer in looked
        if isinstance(answer, Answer) and answer.records and answer.records != echo
    )
    return keys, tuple((selector, why) for selector, why in looked if isinstance(why, Unavailable))


async def _ask(name: str, network: Network) -> Answer | Unavailable:
    try:
        return await network.resolver.ask(name, "TXT")
    except CannotLook as reason:
        return reason.as_unavailable()
