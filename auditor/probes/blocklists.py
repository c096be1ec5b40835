"""Blocklists: the controls first, then the subjects, each zone by itself and all zones at once."""

import asyncio
from dataclasses import replace
from weakref import WeakKeyDictionary

from auditor.evidence.blocklists import (
    BLOCKLISTS,
    MIXED,
    Blocklist,
    BlocklistAnswers,
    Listing,
    Lists,
    Meaning,
    ZoneState,
    controls,
    death_of,
    question,
    read_code,
)
from auditor.evidence.dns import HostAddresses, is_address, not_public
from auditor.model import Host, Options, Reason, Severity, Unavailable
from auditor.net import CannotLook, Network

MAX_SUBJECTS = 12
"""Of each kind: lists are free for those who ask little."""
Found = tuple[ZoneState, tuple[Listing, ...]]


async def blocklist_answers(
    host: Host, addresses: HostAddresses, network: Network, options: Options
) -> BlocklistAnswers:
    """The host's addresses, its name, and the domains that it serves."""
    public = [address for address in addresses.every if not not_public(address)]
    names = [name for name in (host.name, *host.domains) if not is_address(name) and "." in name]
    subjects = {
        Lists.V4: tuple(a for a in public if ":" not in a)[:MAX_SUBJECTS],
        Lists.V6: tuple(a for a in public if ":" in a)[:MAX_SUBJECTS],
        Lists.NAMES: tuple(dict.fromkeys(names))[:MAX_SUBJECTS],
    }
    found = await asyncio.gather(
        *(
            _ask_zone(blocklist, lists, subjects[lists], network)
            for blocklist in _chosen(options, host)
            for lists in blocklist.lists
            if subjects[lists]
        )
    )
    return BlocklistAnswers(
        subjects=tuple(subject for kind in subjects.values() for subject in kind),
        zones=tuple(state for state, _ in found),
        listings=tuple(listing for _, listings in found for listing in listings),
    )


def _chosen(options: Options, host: Host) -> tuple[Blocklist, ...]:
    """A zone of the user's own may list both families; what it does to delivery only the user knows.

    What the inventory names (mail_blocklists) is asked beside the built-in ones, what the command line names instead of all.
    """
    known = {blocklist.zone: blocklist for blocklist in (*BLOCKLISTS, *MIXED)}
    wanted = options.dnsbl or (*(one.zone for one in BLOCKLISTS), *host.declared.blocklists)
    return tuple(
        known.get(zone, Blocklist(zone=zone, lists=(Lists.V4, Lists.V6), severity=Severity.HIGH))
        for zone in dict.fromkeys(wanted)
        if death_of(zone) is None
    )


_CONTROLS: WeakKeyDictionary[Network, dict[tuple[str, Lists], asyncio.Task[str | Unavailable | None]]] = (
    WeakKeyDictionary()
)
"""By scan, which is one Network: what the test points of a list say, they say for every host."""


async def _ask_zone(blocklist: Blocklist, lists: Lists, subjects: tuple[str, ...], network: Network) -> Found:
    state = ZoneState(zone=blocklist.zone, lists=lists, asked=subjects)
    tried = _CONTROLS.setdefault(network, {})
    if (blocklist.zone, lists) not in tried:
        tried[blocklist.zone, lists] = asyncio.ensure_future(_try_controls(blocklist, lists, network))
    dead = await tried[blocklist.zone, lists]
    if isinstance(dead, Unavailable):
        return replace(state, unknown=dead), ()
    if dead:
        return replace(state, dead=dead), ()
    try:
        answers = await asyncio.gather(*(_codes(blocklist, lists, s, network) for s in subjects))
    except CannotLook as reason:
        return replace(state, unknown=reason.as_unavailable()), ()
    hits = [(subject, codes) for subject, codes in zip(subjects, answers, strict=True) if codes]
    return state, tuple([await _listing(blocklist, lists, hit, network) for hit in hits])


async def _try_controls(blocklist: Blocklist, lists: Lists, network: Network) -> str | Unavailable | None:
    """Why the zone is left out; None where it lists what it must and nothing else."""
    listed, clean = controls(blocklist, lists)
    try:
        must, must_not = await asyncio.gather(
            _codes(blocklist, lists, listed, network), _codes(blocklist, lists, clean, network)
        )
        return _dead(blocklist, alive=bool(must), clean=not must_not)
    except CannotLook as reason:
        return reason.as_unavailable()


def _dead(blocklist: Blocklist, *, alive: bool, clean: bool) -> str | None:
    """Why the zone is left out. Raises CannotLook for a list that matters too much to be left out silently."""
    if not clean:
        return "it lists everything"
    if alive:
        return None
    if blocklist.severity is Severity.HIGH:
        raise CannotLook(Reason.UNREACHABLE, f"{blocklist.zone} does not list its own test point from here")
    return "it does not list its own test point"


async def _codes(blocklist: Blocklist, lists: Lists, subject: str, network: Network) -> tuple[str, ...]:
    """Codes of a listing, none when not listed. Raises CannotLook when the list refuses to say."""
    answer = await network.resolver.ask(question(subject, blocklist.zone, lists), "A")
    for code in answer.records:
        match read_code(blocklist, code):
            case Meaning.REFUSED:
                # Most refuse public and shared resolvers: ask through one of your own.
                raise CannotLook(
                    Reason.PROBER_REFUSED, f"{blocklist.zone} does not answer this resolver ({code})"
                )
            case Meaning.FORGED:
                raise CannotLook(
                    Reason.MALFORMED, f"{blocklist.zone} gave {code}: somebody rewrites the answers"
                )
            case Meaning.LISTED | Meaning.HARMLESS:
                continue
    return tuple(code for code in answer.records if read_code(blocklist, code) is Meaning.LISTED)


async def _listing(
    blocklist: Blocklist, lists: Lists, hit: tuple[str, tuple[str, ...]], network: Network
) -> Listing:
    subject, codes = hit
    name = question(subject, blocklist.zone, lists)
    said = [blocklist.codes[code] for code in codes if code in blocklist.codes]
    if not said:
        try:
            answer = await network.resolver.ask(name, "TXT")
            said = [text[:200] for text in answer.records[:1]]
        except CannotLook:
            said = []  # the reason is only for the reader; that it is listed is certain
    return Listing(
        subject=subject,
        zone=blocklist.zone,
        severity=blocklist.severity,
        codes=codes,
        says="; ".join(said),
        delist=blocklist.delist,
        cached=(await network.resolver.ask(name, "A")).ttl,  # the answer that was read: asked once a run
    )
