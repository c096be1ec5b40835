"""SPF records of a domain and of everything it includes. Names on one level are asked at once."""

import asyncio

from auditor.evidence.mx import read_exchangers
from auditor.evidence.spf import SpfLookup, SpfRecord, SpfTerm, SpfTree, is_spf, looks_like_spf, read_terms
from auditor.model import Domain
from auditor.net import CannotLook, Network
from auditor.probes._grammar import spf_complaint

MAX_NAMES = 60
"""A valid tree has at most 11; a longer one is proven too long well before this."""
MAX_TARGETS = 11
"""Of an `mx` term: one more than the limit is enough to know."""


async def spf_tree(domain: Domain, network: Network) -> SpfTree:
    """The whole tree, breadth first, each name once."""
    root = await _record(domain.name, network)
    if root.unknown is not None:
        raise CannotLook(root.unknown.reason, root.unknown.detail)
    records = {domain.name: root}
    lookups: dict[tuple[str, str], SpfLookup] = {}
    level, omitted = [root], 0
    while level:
        terms = [term for record in level for term in _own_terms(record)]
        names = dict.fromkeys(t.target for t in terms if t.name in ("include", "redirect"))
        fresh = [name for name in names if name not in records]
        asked = {(t.name, t.target): t for t in terms if t.name in ("a", "mx", "exists")}
        open_ = [key for key in asked if key not in lookups]
        room = max(0, MAX_NAMES - len(records) - len(lookups))
        omitted += max(0, len(fresh) + len(open_) - room)
        fresh, open_ = fresh[:room], open_[: max(0, room - len(fresh))]
        level = list(await asyncio.gather(*(_record(name, network) for name in fresh)))
        records.update(zip(fresh, level, strict=True))
        lookups.update(
            zip(open_, await asyncio.gather(*(_lookup(asked[key], network) for key in open_)), strict=True)
        )
    return SpfTree(records=tuple(records.values()), lookups=tuple(lookups.values()), omitted=omitted)


def _own_terms(record: SpfRecord) -> list[SpfTerm]:
    if len(record.records) != 1:
        return []
    terms = read_terms(record.records[0], record.domain)
    return [term for term in terms if term.target and "%" not in term.target]


async def _record(name: str, network: Network) -> SpfRecord:
    try:
        answer = await network.resolver.ask(name, "TXT")
    except CannotLook as reason:
        return SpfRecord(domain=name, unknown=reason.as_unavailable())
    records = tuple(text for text in answer.records if is_spf(text))
    return SpfRecord(
        domain=name,
        existence=answer.existence,
        records=records,
        similar=tuple(text for text in answer.records if looks_like_spf(text)),
        complaint=spf_complaint(records[0]) if len(records) == 1 else None,
    )


async def _lookup(term: SpfTerm, network: Network) -> SpfLookup:
    try:
        if term.name == "mx":
            return await _mx(term, network)
        kinds = ("A",) if term.name == "exists" else ("A", "AAAA")
        answers = await asyncio.gather(*(network.resolver.ask(term.target, kind) for kind in kinds))
    except CannotLook as reason:
        return SpfLookup(domain=term.target, name=term.name, unknown=reason.as_unavailable())
    addresses = tuple(record for answer in answers for record in answer.records)
    # Void means void for every client: a name with only one family answers half of them.
    return SpfLookup(domain=term.target, name=term.name, addresses=addresses, void=not addresses)


async def _mx(term: SpfTerm, network: Network) -> SpfLookup:
    answer = await network.resolver.ask(term.target, "MX")
    hosts = [name for _, name in read_exchangers(answer) if name]
    found = await asyncio.gather(
        *(network.resolver.ask(host, kind) for host in hosts[:MAX_TARGETS] for kind in ("A", "AAAA"))
    )
    return SpfLookup(
        domain=term.target,
        name="mx",
        addresses=tuple(record for answer in found for record in answer.records),
        hosts=len(hosts) + answer.omitted,
        void=not answer.records,
    )
