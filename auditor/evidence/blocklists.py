"""DNS blocklists (RFC 5782): which are asked, what their answers mean, and which must never be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address

from auditor.model import Severity, Unavailable


class Lists(StrEnum):
    """What a zone lists."""

    V4 = "ipv4"
    V6 = "ipv6"
    NAMES = "names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocklist:
    """One zone and the meaning of its answers."""

    zone: str
    lists: tuple[Lists, ...] = (Lists.V4,)
    severity: Severity = Severity.INFO
    """What a listing does to the delivery of mail."""
    delist: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Answer -> what it says; an answer that is not there is a listing for an unnamed reason."""
    refusals: tuple[str, ...] = ("127.0.0.1",)
    """Answers that say "you may not ask", beside 127.255.255.0/24."""
    bits: bool = False
    """The last octet is a set of bits: bit 0 alone is a refusal."""
    listed: tuple[str, ...] = ()
    """Where not empty: the only answers that are a listing; all others praise the address or merely remark on it."""
    control: str = "test"
    """Name that is always listed, for zones of names (RFC 5782 section 5)."""


_SPAMHAUS = {
    "127.0.0.2": "SBL: spam source or its provider",
    "127.0.0.3": "CSS: low reputation or compromised",
    "127.0.0.4": "XBL: compromised host",
    "127.0.0.9": "DROP: hijacked network",
    "127.0.0.10": "PBL: declared by its provider as no mail host",
    "127.0.0.11": "PBL: should not send mail directly",
    "127.0.0.30": "BCL: botnet controller",
}
_DBL = {
    "127.0.1.2": "low reputation",
    "127.0.1.4": "phishing",
    "127.0.1.5": "malware",
    "127.0.1.6": "botnet controller",
    "127.0.1.102": "legitimate, but abused",
}

BLOCKLISTS = (
    Blocklist(
        zone="zen.spamhaus.org",
        lists=(Lists.V4, Lists.V6),
        severity=Severity.HIGH,
        delist="https://check.spamhaus.org/",
        codes=_SPAMHAUS,
    ),
    Blocklist(zone="bl.spamcop.net", severity=Severity.MEDIUM, delist="https://www.spamcop.net/bl.shtml"),
    Blocklist(zone="psbl.surriel.com", severity=Severity.MEDIUM, delist="https://psbl.org/remove"),
    Blocklist(zone="bl.mailspike.net", severity=Severity.MEDIUM, delist="https://mailspike.org/"),
    Blocklist(
        zone="bl.blocklist.de", lists=(Lists.V4, Lists.V6), delist="https://www.blocklist.de/en/delist.html"
    ),
    Blocklist(zone="bl.spameatingmonkey.net", delist="https://spameatingmonkey.com/lookup"),
    Blocklist(
        zone="bl.ipv6.spameatingmonkey.net", lists=(Lists.V6,), delist="https://spameatingmonkey.com/lookup"
    ),
    Blocklist(zone="dnsbl.dronebl.org", lists=(Lists.V4, Lists.V6), delist="https://dronebl.org/lookup"),
    Blocklist(zone="ips.backscatterer.org", delist="https://www.backscatterer.org/"),
    Blocklist(
        zone="dbl.spamhaus.org",
        lists=(Lists.NAMES,),
        severity=Severity.HIGH,
        delist="https://check.spamhaus.org/",
        codes=_DBL,
        refusals=("127.0.1.255",),
        control="dbltest.com",
    ),
    Blocklist(
        zone="multi.surbl.org",
        lists=(Lists.NAMES,),
        severity=Severity.MEDIUM,
        delist="https://surbl.org/surbl-analysis",
        bits=True,
        control="test.surbl.org",
    ),
    Blocklist(
        zone="multi.uribl.com",
        lists=(Lists.NAMES,),
        severity=Severity.MEDIUM,
        delist="https://admin.uribl.com/",
        bits=True,
        control="test.uribl.com",
    ),
)
"""Free to ask at low volume without registration. That a list is alive is proven anew in every scan, by its test points: those of the
RFC for addresses; dbltest.com, test.surbl.org and test.uribl.com, as their operators publish them, for names."""

MIXED = (
    Blocklist(
        zone="hostkarma.junkemailfilter.com",
        severity=Severity.HIGH,
        delist="https://ipadmin.junkemailfilter.com/remove.php",
        codes={"127.0.0.2": "black: spam source", "127.0.0.4": "brown: mostly spam"},
        refusals=(),
        listed=("127.0.0.2", "127.0.0.4"),
    ),
)
"""Asked only when the user names them: zones that answer for good senders too (Hostkarma: 127.0.0.1 white, .3 yellow, .5 not to be
listed, 127.0.1.0/24 experiments; YunoHost 1873)."""

_DIED = {
    "sorbs.net": "dnsbl.com, June 2024; pydnsbl 48",
    "ix.dnsbl.manitu.net": "January 2025: check_rbl 61; rspamd 5299",
    "db.wpbl.info": "pydnsbl 48",
    "dnsbl.inps.de": "25 May 2020: pydnsbl 11; dnsbl.com",
    "ubl.unsubscore.com": "dnsbl.com, June 2024",
    "dul.ru": "abandoned: check_rbl 8",
    "dnsbl.madavi.de": "check_rbl 63",
    "spamtrap.drbl.drand.net": "March 2024, lists the world: check_rbl 53",
    "bl.spamcannibal.org": "May 2019, lists the world: check_rbl 27; dnsbl-client 7",
    "bl.emailbasura.org": "lists the world: check_rbl 38; dnsbl.com",
    "ahbl.org": "lists the world since January 2015: sovereign 232; rblwatch 9",
    "dnsbl.burnt-tech.com": "lists the world: dnsbl.com",
    "njabl.org": "2013: node-dnsbl 1",
    "relays.ordb.org": "listed the world in 2008: securityandthe.net, March 2009",
    "list.dsbl.org": "2008: securityandthe.net, March 2009",
    "cbl.abuseat.org": "part of Spamhaus XBL: rspamd 112; abuseat.org/cutover.html",
    "virbl.bit.nl": "January 2017: pydnsbl 48",
    "dnsbl.cyberlogic.net": "2018, lists the world: check_rbl 17; pydnsbl 48",
    "wormrbl.imp.ch": "pydnsbl 48",
    "spamrbl.imp.ch": "now spamrbl.swinog.ch: pydnsbl 48",
    "nszones.com": "fraud, by Spamhaus: rspamd 111",
    "spam.abuse.ch": "rspamd 2744",
    "rfc-ignorant.de": "2016: jjmartres/Zabbix 124",
}
"""Zone -> what became of it, and who says so: issues and pull requests of the projects named, dnsbl.com; looked up on 2026-11-22.

Switched off, sold, or answering everything: asking one delays mail, and believing one refuses all of it."""


def death_of(zone: str) -> str | None:
    """What became of the zone, or of one above it; None where nothing is known against it."""
    name = zone.rstrip(".").lower()
    found = (why for dead, why in _DIED.items() if name == dead or name.endswith(f".{dead}"))
    return next(found, None)


def question(subject: str, zone: str, lists: Lists) -> str:
    """Reversed octets, reversed nibbles (RFC 5782 section 2.4), or the name as it is; then the zone."""
    if lists is Lists.NAMES:
        return f"{subject}.{zone}"
    return f"{ip_address(subject).reverse_pointer.rsplit('.', 2)[0]}.{zone}"


CONTROLS = {Lists.V4: ("127.0.0.2", "127.0.0.1"), Lists.V6: ("::ffff:7f00:2", "::ffff:7f00:1")}
"""What every zone must list, and what none may (RFC 5782 section 5)."""


def controls(blocklist: Blocklist, lists: Lists) -> tuple[str, str]:
    """Same, with the zone's own test point for names."""
    return CONTROLS.get(lists, (blocklist.control, "invalid"))


class Meaning(StrEnum):
    """What one answer says."""

    LISTED = "listed"
    HARMLESS = "harmless"
    REFUSED = "refused"
    FORGED = "forged"


def read_code(blocklist: Blocklist, code: str) -> Meaning:
    """Only 127.0.0.0/8 can be a listing; 127.255.255.0/24 is an error message, whatever else is a forgery."""
    if not code.startswith("127."):
        return Meaning.FORGED
    if code.startswith("127.255.255.") or code in blocklist.refusals:
        return Meaning.REFUSED
    if blocklist.bits and code.rpartition(".")[2] == "1":
        return Meaning.REFUSED
    if blocklist.listed and code not in blocklist.listed:
        return Meaning.HARMLESS
    return Meaning.LISTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One subject on one list."""

    subject: str
    zone: str
    severity: Severity
    codes: tuple[str, ...]
    says: str = ""
    """Meaning of the codes, or the list's own TXT record."""
    delist: str = ""
    cached: int = 0
    """Seconds for which the resolver goes on giving this answer, whatever the list says by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState:
    """What came of one zone for one kind of subject."""

    zone: str
    lists: Lists
    asked: tuple[str, ...] = ()
    dead: str | None = None
    """Why its answers mean nothing: it lists everything, or not even its own test point."""
    unknown: Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlocklistAnswers:
    """All zones for all addresses and names of a host."""

    subjects: tuple[str, ...] = ()
    zones: tuple[ZoneState, ...] = ()
    listings: tuple[Listing, ...] = ()
