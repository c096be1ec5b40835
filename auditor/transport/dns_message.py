"""DNS messages: questions as octets, and what a reply proves. Pure: nothing here is sent."""

import re
import struct
from functools import cache
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.wire

from auditor.evidence.dns import Answer, Existence
from auditor.model import Reason
from auditor.net import CannotLook

MAX_NAME = 254
"""Octets of a name on the wire, but one (RFC 1035 section 2.3.4)."""
MAX_RECORDS = 200
"""Records kept of one answer; how many more there were is counted, never stored."""
MAX_TEXT = 8192
"""Characters kept of one record. SPF, DKIM and DMARC records have a few hundred."""
UDP_PAYLOAD = 1232
"""DNS Flag Day 2020: fits unfragmented everywhere."""
MAX_CHAIN = 16
HEADER_LENGTH = 12

# As plain numbers: Python's flags cost a function call for each "and" and "or".
_OWN_WORD = int(dns.flags.RA | dns.flags.AA)
"""Without either, an empty answer is a referral, which proves nothing."""
_SECURE = int(dns.flags.AD)
_ASKING = int(dns.flags.RD | dns.flags.AD)
_UNCHECKED = int(dns.flags.CD)
_OPCODE = 0x7800
_PROVING = (int(dns.rcode.NOERROR), int(dns.rcode.NXDOMAIN))
_TO_THE_QUESTION = b"\xc0\x0c"
"""How nearly every record names its owner (RFC 1035 section 4.1.4)."""


class Place(NamedTuple):
    """One record in a message: its TTL, and where its data begins and how long it is."""

    ttl: int
    start: int
    size: int


Places = list[Place]

_REFUSALS = {dns.rcode.SERVFAIL: Reason.SERVFAIL, dns.rcode.REFUSED: Reason.DNS_REFUSED}
_END = struct.pack("!HBHHIH", 1, 0, dns.rdatatype.OPT, UDP_PAYLOAD, dns.flags.DO, 0)
"""Class IN, and the EDNS record (RFC 6891 section 6.1.2)."""
_OPT_LENGTH = len(_END) - 2
_USUAL = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def to_labels(name: str) -> tuple[bytes, ...]:
    """A name as typed, also with letters beyond ASCII (IDNA 2008), as labels with the root. Raises CannotLook."""
    if (
        _USUAL.fullmatch(name) and len(name) < MAX_NAME
    ):  # nearly all of them; dnspython takes ten times as long
        return (*name.encode("ascii").split(b"."), b"")
    try:
        return dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_Practical).canonicalize().labels
    except (dns.exception.DNSException, UnicodeError) as error:
        raise CannotLook(Reason.MALFORMED, f"{name!r} is no domain name: {error}") from error


class Question:
    """One question, ready for the wire: RD, AD and DO set, so that a validator says what it proved."""

    def __init__(self, name: str, kind: str, *, checking_disabled: bool) -> None:
        """Raises CannotLook when the name is none."""
        self._labels = to_labels(name)
        self._kind = _number(kind)
        self._flags = _ASKING | (_UNCHECKED if checking_disabled else 0)

    @property
    def wire(self) -> bytes:
        """Octets under the id 0. Built by hand: dnspython's builder costs more than the rest of a look-up together."""
        header = struct.pack("!HHHHHH", 0, self._flags, 1, 0, 0, 1)
        name = b"".join([bytes((len(label),)) + label for label in self._labels])
        return header + name + self._kind.to_bytes(2, "big") + _END


@cache
def _number(kind: str) -> dns.rdatatype.RdataType:
    return dns.rdatatype.from_text(kind)


def parse(wire: bytes, server: str) -> dns.message.Message:
    """Octets to a message. Raises CannotLook for broken ones; dnspython bounds pointers and lengths."""
    try:
        return dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError) as error:
        raise CannotLook(Reason.MALFORMED, f"{server} answered with a broken message: {error}") from error


def answers(reply: bytes, query: bytes) -> bool:
    """A reply to this very query.

    The question must come back as it was asked (RFC 5452 section 9.1); servers that could not read it at all send
    none, and their header says so.
    """
    if len(reply) < HEADER_LENGTH or reply[:2] != query[:2] or not reply[2] & 0x80:
        return False
    end = len(query) - _OPT_LENGTH
    return reply[4:6] == b"\0\0" or reply[HEADER_LENGTH:end].lower() == query[HEADER_LENGTH:end]


def read(wire: bytes, name: str, kind: str) -> Answer:
    """What a reply of at least twelve octets to our own question proves.

    Only the header and the answer section are read: four answers of five are absences, which stand in the header,
    and dnspython's whole messages cost more than everything else in a look-up. Raises CannotLook for what proves
    nothing, and dnspython's exceptions for what is no message.
    """
    flags, questions, count = struct.unpack("!HHH", wire[2:8])
    code = flags & 0x0F
    if code not in _PROVING:
        raise _refusal(wire)
    if flags & _OPCODE or questions != 1:
        raise CannotLook(Reason.MALFORMED, "the reply is not one to a query")
    if not count and not flags & _OWN_WORD:
        raise CannotLook(Reason.DNS_REFUSED, "the name server gave a referral: it does not resolve for us")
    canonical, ttl, places = _follow(wire, name, count) if count else (name, 0, [])
    if places and code:
        raise CannotLook(
            Reason.MALFORMED, "the answer contradicts itself: records of a name that does not exist"
        )
    return Answer(
        name=name,
        kind=kind,
        existence=Existence.FOUND if places else Existence.NXDOMAIN if code else Existence.NODATA,
        records=tuple(dict.fromkeys([_text(wire, kind, place) for place in places[:MAX_RECORDS]])),
        omitted=max(0, len(places) - MAX_RECORDS),
        canonical=canonical,
        ttl=ttl,
        secure=bool(flags & _SECURE),
    )


def _refusal(wire: bytes) -> CannotLook:
    """The word of a server that answered nothing, and its reason (RFC 8914) where it gives one."""
    message = dns.message.from_wire(wire, ignore_trailing=True)
    code = message.rcode()
    why = "; ".join(_escape(str(option).encode()) for option in message.extended_errors())
    word = dns.rcode.to_text(code) + (f" ({why[:200]})" if why else "")
    return CannotLook(_REFUSALS.get(code, Reason.PROTOCOL), f"the name server answered {word}")


def _follow(wire: bytes, name: str, count: int) -> tuple[str, int, Places]:
    """End of the CNAME chain, the shortest TTL on the way, and where the records are."""
    parser = dns.wire.Parser(wire, HEADER_LENGTH)
    asked = owner = parser.get_name(decompress=True)
    wanted, _ = parser.get_struct("!HH")
    sets = _record_sets(parser, owner, count)
    ttls = [2**31 - 1]
    for _ in range(MAX_CHAIN):
        places = sets.get((owner, wanted)) or sets.get((owner, dns.rdatatype.CNAME)) or []
        ttls += [place.ttl for place in places]
        if not places or (owner, wanted) in sets:
            plain = owner is asked and name.isascii()
            canonical = name if plain else owner.to_text(omit_final_dot=True).lower()
            return canonical, min(ttls) if places else 0, places
        owner = dns.name.from_wire(wire, places[0].start)[0]
    raise CannotLook(Reason.MALFORMED, f"{owner} leads from alias to alias without end")


def _record_sets(
    parser: dns.wire.Parser, asked: dns.name.Name, count: int
) -> dict[tuple[dns.name.Name, int], Places]:
    """The answer section by owner and type; what the records say is not read yet."""
    sets: dict[tuple[dns.name.Name, int], Places] = {}
    for _ in range(count):
        if parser.wire[parser.current : parser.current + 2] == _TO_THE_QUESTION:
            parser.seek(parser.current + 2)
            owner = asked
        else:
            owner = parser.get_name(decompress=True)
        kind, family, ttl, size = parser.get_struct("!HHIH")
        if family == dns.rdataclass.IN:
            sets.setdefault((owner, kind), []).append(Place(ttl, parser.current, size))
        parser.seek(parser.current + size)
    return sets


def _text(wire: bytes, kind: str, place: Place) -> str:
    record = dns.rdata.from_wire(dns.rdataclass.IN, _number(kind), wire, place.start, place.size)
    strings = getattr(record, "strings", None)
    text = _escape(b"".join(strings)) if strings is not None else str(record)
    return text[:MAX_TEXT]


def _escape(octets: bytes) -> str:
    r"""Printable ASCII as it is, every other octet as \xNN: nothing from a zone can drive a terminal."""
    if octets.isascii() and octets.decode("ascii").isprintable():
        return octets.decode("ascii")
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else f"\\x{octet:02x}" for octet in octets)
