"""SPF (RFC 7208): the record, everything it includes, and what follows from that."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

from auditor.evidence.dns import Existence
from auditor.model import Inconclusive, Unavailable

LOOKUP_LIMIT = 10
"""RFC 7208 section 4.6.4, as are the next two."""
VOID_LIMIT = 2
MX_LIMIT = 10
COUNT_CEILING = 1000
"""Counting stops here: records that include each other many times over can ask for billions."""

_TERM = re.compile(
    r"(?P<sign>[+\-~?]?)(?P<name>[A-Za-z][A-Za-z0-9._-]*)(?P<mark>[:=/]?)(?P<value>.*)", re.DOTALL
)
_LENGTHS = re.compile(r"(?P<name>.*?)(?:/(?P<v4>\d{1,3}))?(?://(?P<v6>\d{1,3}))?", re.DOTALL)
ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfTerm:
    """One mechanism or modifier."""

    sign: str
    """"+", "-", "~" or "?"; "+" also where none is written."""
    name: str
    """Lower case: "include", "a", "redirect" …"""
    target: str = ""
    """Domain that is asked, "" for terms that ask none; ip4 and ip6: the network."""
    v4: int = 32
    v6: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfRecord:
    """What one name in the tree holds."""

    domain: str
    existence: Existence = Existence.FOUND
    """Of the TXT record set."""
    records: tuple[str, ...] = ()
    """Every record that begins with v=spf1."""
    similar: tuple[str, ...] = ()
    """TXT records that look meant as SPF, yet are not: a leading blank, a typing error in the version."""
    complaint: str | None = None
    """What is wrong with the grammar of the single record."""
    unknown: Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfLookup:
    """The answer to an `a`, `mx` or `exists` term."""

    domain: str
    name: str
    """The term: "a", "mx", "exists"."""
    addresses: tuple[str, ...] = ()
    hosts: int = 0
    """Targets of an `mx`."""
    void: bool = False
    unknown: Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfTree:
    """The record of a domain and of everything that it includes; root first."""

    records: tuple[SpfRecord, ...]
    lookups: tuple[SpfLookup, ...] = ()
    omitted: int = 0
    """Names that were not asked, because there were too many."""

    @property
    def root(self) -> SpfRecord:
        """The domain's own record."""
        return self.records[0]

    @property
    def unknowns(self) -> tuple[tuple[str, Unavailable], ...]:
        """Names that gave no answer."""
        found: tuple[SpfRecord | SpfLookup, ...] = (*self.records, *self.lookups)
        return tuple((piece.domain, piece.unknown) for piece in found if piece.unknown is not None)

    @property
    def doubt(self) -> Inconclusive | None:
        """The verdict of a check that found nothing wrong in what could be seen, when something could not."""
        if not self.unknowns:
            return None
        name, why = self.unknowns[0]
        more = f" and {len(self.unknowns) - 1} more names" if len(self.unknowns) > 1 else ""
        return Inconclusive(f"{name}{more} could not be looked up: {why.detail}", why.reason)


def is_spf(text: str) -> bool:
    """RFC 7208 section 4.5: the version, then a space or the end."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def looks_like_spf(text: str) -> bool:
    """Meant as SPF, but no receiver reads it."""
    return not is_spf(text) and bool(re.match(r"\W*v\W{0,3}spf", text, re.IGNORECASE))


def read_terms(record: str, domain: str) -> tuple[SpfTerm, ...]:
    """The terms in order, up to and with `all`: what follows it is never evaluated (section 5.1).

    Lenient: a word that is no term is left out, the grammar is judged elsewhere.
    """
    terms = []
    words = record.split(" ")[1:]
    has_all = any(word.lower().lstrip("+-~?") == "all" for word in words)
    for word in words:
        match = _TERM.fullmatch(word)
        if match is None:
            continue
        name, mark, value = match["name"].lower(), match["mark"], match["value"]
        if name == "redirect" and has_all:
            continue
        terms.append(_term(match["sign"] or "+", name, ("/" if mark == "/" else "") + value, domain))
        if name == "all":
            break
    return tuple(sorted(terms, key=lambda term: term.name == "redirect"))


def _term(sign: str, name: str, value: str, domain: str) -> SpfTerm:
    if name in ("ip4", "ip6"):
        return SpfTerm(sign=sign, name=name, target=value)
    if name not in ("a", "mx"):
        return SpfTerm(sign=sign, name=name, target=value.rstrip(".").lower() if name in ASKING else "")
    lengths = _LENGTHS.fullmatch(value)
    assert lengths is not None  # every group is optional
    return SpfTerm(
        sign=sign,
        name=name,
        target=(lengths["name"] or domain).rstrip(".").lower(),
        v4=min(int(lengths["v4"] or 32), 32),
        v6=min(int(lengths["v6"] or 128), 128),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfMeaning:
    """What follows from a tree."""

    lookups: int
    voids: tuple[str, ...]
    problems: tuple[str, ...]
    """Each is a permanent error for a receiver that reaches it."""
    wide_mx: tuple[str, ...]
    """`mx` terms with more than ten hosts: a permanent error too."""
    default: str
    """The sign of `all` that decides for everybody else; "?" where there is none (section 4.7)."""
    networks: tuple[Network, ...]
    """Everything that passes, where the record itself says so."""
    open_terms: tuple[str, ...]
    """Passing terms whose extent cannot be known before mail comes: macros, exists, ptr."""

    @property
    def v4_size(self) -> int:
        """Number of IPv4 addresses that pass."""
        return sum(n.num_addresses for n in self.networks if isinstance(n, IPv4Network))

    @property
    def v6_size(self) -> int:
        """Number of IPv6 addresses that pass."""
        return sum(n.num_addresses for n in self.networks if isinstance(n, IPv6Network))

    @property
    def nobody_passes(self) -> bool:
        """`v=spf1 -all`: the domain says that it sends no mail."""
        return self.default == "-" and not self.networks and not self.open_terms and not self.lookups

    def passes(self, address: str) -> bool:
        """An address that the tree names."""
        ip = ip_address(address)
        return any(ip.version == network.version and ip in network for network in self.networks)


@dataclass(slots=True)
class _Reading:
    tree: SpfTree
    records: Mapping[str, SpfRecord]
    answers: Mapping[tuple[str, str], SpfLookup]
    counts: dict[str, int] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    wide_mx: dict[str, None] = field(default_factory=dict)
    voids: dict[str, None] = field(default_factory=dict)
    networks: dict[Network, None] = field(default_factory=dict)
    open_terms: dict[str, None] = field(default_factory=dict)


@lru_cache(maxsize=64)
def understand(tree: SpfTree) -> SpfMeaning:
    """Evaluate as a receiver would in the worst case: nothing matched before the end."""
    reading = _Reading(
        tree=tree,
        records={record.domain: record for record in tree.records},
        answers={(answer.name, answer.domain): answer for answer in tree.lookups},
    )
    lookups = _count(reading, tree.root.domain, ())
    _collect(reading, tree.root.domain, set())
    v4 = collapse_addresses(n for n in reading.networks if isinstance(n, IPv4Network))
    v6 = collapse_addresses(n for n in reading.networks if isinstance(n, IPv6Network))
    return SpfMeaning(
        lookups=lookups,
        voids=tuple(reading.voids),
        problems=tuple(reading.problems),
        wide_mx=tuple(reading.wide_mx),
        default=_default(reading, tree.root.domain, 0),
        networks=(*v4, *v6),
        open_terms=tuple(reading.open_terms),
    )


def _terms(reading: _Reading, domain: str) -> tuple[SpfTerm, ...]:
    record = reading.records.get(domain)
    return read_terms(record.records[0], domain) if record and len(record.records) == 1 else ()


def _count(reading: _Reading, domain: str, path: tuple[str, ...]) -> int:
    if domain in path:
        reading.problems[f"{' includes '.join((*path, domain))}: a circle"] = None
        return 0
    if domain in reading.counts:
        return reading.counts[domain]
    record = reading.records.get(domain)
    if record is not None and record.unknown is None:
        reading.problems.update(dict.fromkeys(_record_problems(record, included=bool(path))))
    total = 0
    for term in _terms(reading, domain):
        if term.name in ASKING:
            total += 1
            _note_answer(reading, term)
        if term.name in ("include", "redirect") and "%" not in term.target:
            total += _count(reading, term.target, (*path, domain))
    reading.counts[domain] = min(total, COUNT_CEILING)
    return reading.counts[domain]


def _record_problems(record: SpfRecord, *, included: bool) -> Iterator[str]:
    if len(record.records) > 1:
        yield f"{record.domain} has {len(record.records)} SPF records"
    if record.complaint:
        yield f"{record.domain}: {record.complaint}"
    if included and not record.records:
        yield f"{record.domain} is included, but has no SPF record"


def _note_answer(reading: _Reading, term: SpfTerm) -> None:
    answer = reading.answers.get((term.name, term.target))
    record = reading.records.get(term.target) if term.name in ("include", "redirect") else None
    absent = record is not None and record.unknown is None and record.existence is not Existence.FOUND
    if absent or (answer is not None and answer.void):
        reading.voids[f"{term.name} {term.target}"] = None
    if answer is not None and answer.hosts > MX_LIMIT:
        reading.wide_mx[f"mx:{term.target} has {answer.hosts} hosts"] = None


def _collect(reading: _Reading, domain: str, seen: set[str]) -> None:
    if domain in seen:
        return
    seen.add(domain)
    for term in _terms(reading, domain):
        if term.sign != "+":
            continue
        if "%" in term.target or term.name in ("exists", "ptr"):
            reading.open_terms[f"{term.name}:{term.target}".rstrip(":")] = None
        elif term.name in ("include", "redirect"):
            _collect(reading, term.target, seen)
        else:
            reading.networks.update(dict.fromkeys(_networks(reading, term)))


def _networks(reading: _Reading, term: SpfTerm) -> Iterator[Network]:
    if term.name in ("ip4", "ip6"):
        texts = [term.target]
    else:
        answer = reading.answers.get((term.name, term.target))
        texts = [f"{a}/{term.v6 if ':' in a else term.v4}" for a in (answer.addresses if answer else ())]
    for text in texts:
        try:
            yield ip_network(text, strict=False)
        except ValueError:
            continue  # the grammar has its own complaint


def _default(reading: _Reading, domain: str, depth: int) -> str:
    for term in _terms(reading, domain):
        if term.name == "all":
            return term.sign
        if term.name == "redirect" and depth < LOOKUP_LIMIT:
            return _default(reading, term.target, depth + 1)
    return "?"
