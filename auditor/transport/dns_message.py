"""DNS messages: questions as octets, and what a reply proves. Pure: nothing here is sent."""

import os
import random
import re
import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype

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
OWN_WORD = dns.flags.RA | dns.flags.AA
"""Without either, an empty answer is a referral, which proves nothing."""

_REFUSALS = {dns.rcode.SERVFAIL: Reason.SERVFAIL, dns.rcode.REFUSED: Reason.DNS_REFUSED}
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
        self._kind = dns.rdatatype.from_text(kind)
        self._flags = dns.flags.RD | dns.flags.AD | (dns.flags.CD if checking_disabled else 0)

    def wire(self) -> bytes:
        """Built by hand: dnspython's builder costs more than the rest of a look-up together.

        The id protects against blind forgery only together with the port, which changes with the socket.
        """
        header = struct.pack("!HHHHHH", random.getrandbits(16), self._flags, 1, 0, 0, 1)
        name = b"".join(bytes((len(label),)) + label for label in self._labels)
        edns = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, UDP_PAYLOAD, dns.flags.DO, 0)
        return header + name + struct.pack("!HH", self._kind, 1) + edns

    def message(self) -> dns.message.QueryMessage:
        """The same as dnspython's own object, for its TCP client."""
        query = dns.message.make_query(
            dns.name.Name(self._labels), self._kind, want_dnssec=True, payload=UDP_PAYLOAD, flags=self._flags
        )
        query.id = int.from_bytes(os.urandom(2), "big")
        return query


def parse(wire: bytes, server: str) -> dns.message.Message:
    """Octets to a message. Raises CannotLook for broken ones; dnspython bounds pointers and lengths."""
    try:
        return dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError) as error:
        raise CannotLook(Reason.MALFORMED, f"{server} answered with a broken message: {error}") from error


def read_absence(wire: bytes, name: str, kind: str) -> Answer | None:
    """NXDOMAIN and NODATA from the header alone: four answers of five, and parsing is what a look-up costs.

    None for everything that has to be read in full, failures too.
    """
    flags, count = int.from_bytes(wire[2:4], "big"), int.from_bytes(wire[6:8], "big")
    code = flags & 0x0F
    asked_once = wire[4:6] == b"\0\1"
    if count or not asked_once or code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not flags & OWN_WORD:
        return None
    return Answer(
        name=name,
        kind=kind,
        existence=Existence.NXDOMAIN if code else Existence.NODATA,
        canonical=name,
        secure=bool(flags & dns.flags.AD),
    )


def read(message: dns.message.Message, name: str, kind: str) -> Answer:
    """What a reply proves. Raises CannotLook when it proves nothing."""
    _reject(message)
    if not isinstance(message, dns.message.QueryMessage) or len(message.question) != 1:
        raise CannotLook(Reason.MALFORMED, "the reply is not one to a query")
    owner, ttl, records = _follow(message)
    if records:
        existence = Existence.FOUND
    elif message.rcode() == dns.rcode.NXDOMAIN:
        existence = Existence.NXDOMAIN
    else:
        existence = Existence.NODATA
    if records and message.rcode() == dns.rcode.NXDOMAIN:
        raise CannotLook(
            Reason.MALFORMED, "the answer contradicts itself: records of a name that does not exist"
        )
    return Answer(
        name=name,
        kind=kind,
        existence=existence,
        records=tuple(_text(record) for record in records[:MAX_RECORDS]),
        omitted=max(0, len(records) - MAX_RECORDS),
        canonical=owner.to_text(omit_final_dot=True).lower(),
        ttl=ttl,
        secure=bool(message.flags & dns.flags.AD),
    )


def _follow(message: dns.message.QueryMessage) -> tuple[dns.name.Name, int, list[dns.rdata.Rdata]]:
    """End of the CNAME chain, the shortest TTL on the way, and what stands there.

    dnspython's own walk searches the authority section label by label, which costs more than the parsing.
    """
    question = message.question[0]
    sets = {(found.name, found.rdtype): found for found in message.answer}
    owner = question.name
    ttls: list[int] = []
    for _ in range(MAX_CHAIN):
        found = sets.get((owner, question.rdtype))
        if found is not None:
            return owner, min(*ttls, found.ttl, 2**31 - 1), list(found)
        alias = sets.get((owner, dns.rdatatype.CNAME))
        if alias is None:
            return owner, 0, []
        ttls.append(alias.ttl)
        owner = alias[0].target
    raise CannotLook(Reason.MALFORMED, f"{question.name} leads from alias to alias without end")


def _reject(message: dns.message.Message) -> None:
    code = message.rcode()
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        why = "; ".join(_escape(str(option).encode()) for option in message.extended_errors())
        word = dns.rcode.to_text(code) + (f" ({why[:200]})" if why else "")
        raise CannotLook(_REFUSALS.get(code, Reason.PROTOCOL), f"the name server answered {word}")
    if not message.answer and not message.flags & OWN_WORD:
        raise CannotLook(Reason.DNS_REFUSED, "the name server gave a referral: it does not resolve for us")


def _text(record: object) -> str:
    strings = getattr(record, "strings", None)
    text = _escape(b"".join(strings)) if strings is not None else str(record)
    return text[:MAX_TEXT]


def _escape(octets: bytes) -> str:
    r"""Printable ASCII as it is, every other octet as \xNN: nothing from a zone can drive a terminal."""
    if octets.isascii() and octets.decode("ascii").isprintable():
        return octets.decode("ascii")
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else f"\\x{octet:02x}" for octet in octets)
