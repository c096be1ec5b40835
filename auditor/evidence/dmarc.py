"""DMARC (RFC 9989, 9990): which record governs a domain, and where its reports go."""

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.evidence.dkim import read_tags
from auditor.model import Unavailable

MAX_STEPS = 8
"""Questions of one tree walk (RFC 9989 section 4.10)."""
STRENGTH = {"none": 0, "quarantine": 1, "reject": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAddress:
    """One target of aggregate reports."""

    uri: str
    domain: str = ""
    """Of a mailto: target, lower case; "" for what is no usable mailto:."""
    external: bool = False
    """In another organisation, which must agree (RFC 9990 section 4)."""
    agreed: bool = False
    takes_mail: bool = True
    """False when it was proven that the domain does not exist or takes no mail."""
    unknown: Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcPolicy:
    """The record that receivers apply to mail from the domain."""

    domain: str
    found_at: str = ""
    """Name whose `_dmarc` record governs, "" without one."""
    records: tuple[str, ...] = ()
    """All DMARC records there; more than one and receivers use none."""
    complaint: str | None = None
    """What is wrong with the grammar of the single record."""
    misplaced: tuple[str, ...] = ()
    """DMARC records at the domain itself, where nobody looks."""
    reports: tuple[ReportAddress, ...] = ()

    @property
    def tags(self) -> Mapping[str, str]:
        """Of the single record."""
        return read_tags(self.records[0]) if len(self.records) == 1 else {}

    @property
    def usable(self) -> bool:
        """Receivers have one record to apply."""
        return len(self.records) == 1 and self.complaint is None

    @property
    def own(self) -> str:
        """The policy for mail from the domain itself: p, or what its organisation says for subdomains."""
        tags = self.tags
        p = tags.get("p", "none").lower()
        return p if self.found_at == self.domain else tags.get("sp", p).lower()


def is_dmarc(text: str) -> bool:
    """The version is the first tag, in this spelling (RFC 9989 section 4.7)."""
    name, mark, value = text.partition(";")[0].partition("=")
    return bool(mark) and name.strip() == "v" and value.strip() == "DMARC1"


def walk(domain: str) -> tuple[str, ...]:
    """Names whose `_dmarc` is asked, the domain first, the top level last (RFC 9989 section 4.10)."""
    labels = domain.split(".")
    starts = range(1, len(labels)) if len(labels) <= MAX_STEPS else range(len(labels) - 7, len(labels))
    return (domain, *(".".join(labels[start:]) for start in starts))


def organisation(domain: str, records: Mapping[str, tuple[str, ...]]) -> str:
    """The organisational domain, from what each name of the walk holds; the domain itself where none does."""
    names = [name for name in walk(domain) if len(records.get(name, ())) == 1]
    for name in names:
        psd = read_tags(records[name][0]).get("psd", "u").lower()
        if psd == "n":
            return name
        if psd == "y" and name != domain:
            return domain.removesuffix(name).rstrip(".").rpartition(".")[2] + "." + name
    return names[-1] if names else domain


def report_domain(uri: str) -> str:
    """Domain of a mailto: URI, without the size limit that old records carry; "" for anything else."""
    scheme, _, rest = uri.strip().partition(":")
    local, at, domain = rest.partition("?")[0].partition("!")[0].rpartition("@")
    return domain.strip().rstrip(".").lower() if scheme.lower() == "mailto" and at and local else ""
