"""The DNS as probes see it: one shared, cached, bounded resolver over dnspython's wire format.

dnspython's own stub resolver is left out on purpose: it caches nothing that was absent, opens a socket for
each question and turns a failed server into an empty answer too easily. Its message parser and its TCP
client are used as they are.
"""

import asyncio
import os
import random
import struct
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import TypeVar

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver

from auditor.evidence.dns import Answer, Existence
from auditor.model import Reason
from auditor.net import CannotLook
from auditor.transport.datagrams import Datagrams

MAX_RECORDS = 200
"""Records kept of one answer; how many more there were is counted, never stored."""
MAX_TEXT = 8192
"""Characters kept of one record. SPF, DKIM and DMARC records have a few hundred."""
UDP_PAYLOAD = 1232
"""DNS Flag Day 2020: fits unfragmented everywhere."""
ATTEMPTS = 2
"""How often each name server is asked before the answer is "no answer"."""

TRUNCATED = 0x02
"""The TC bit in the third octet (RFC 1035 section 4.1.1): ask again over TCP."""

MAX_CHAIN = 16
OWN_WORD = dns.flags.RA | dns.flags.AA
"""Without either, an empty answer is a referral, which proves nothing."""

T = TypeVar("T")
Outcome = Answer | CannotLook
Server = tuple[str, int]
Key = tuple[str, str, bool]

_REFUSALS = {dns.rcode.SERVFAIL: Reason.SERVFAIL, dns.rcode.REFUSED: Reason.DNS_REFUSED}


def read_server(text: str) -> Server:
    """`IP`, `IP:PORT` or `[IPv6]:PORT` -> address and port. Raises ValueError for anything else."""
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        if not bracket:
            raise ValueError(f"{text}: the bracket is not closed")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    number = int(port or "53")
    if not 0 < number < 65536:
        raise ValueError(f"{text}: {number} is no port")
    return str(ip_address(address)), number


def system_servers() -> tuple[Server, ...]:
    """Name servers of this machine. Raises CannotLook when it has none."""
    try:
        found = dns.resolver.get_default_resolver()
    except (dns.exception.DNSException, OSError) as error:
        raise CannotLook(Reason.UNREACHABLE, f"this machine names no resolver: {error}") from error
    return tuple((str(server), found.port) for server in found.nameservers if isinstance(server, str))


def to_name(name: str) -> dns.name.Name:
    """A name as typed, also with letters beyond ASCII (IDNA 2008). Raises CannotLook."""
    try:
        return dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_Practical).canonicalize()
    except (dns.exception.DNSException, UnicodeError) as error:
        raise CannotLook(Reason.MALFORMED, f"{name!r} is no domain name: {error}") from error


class CachingResolver:
    """Implements net.Resolver. Every question goes out once per run, whoever asks, also while in flight."""

    def __init__(
        self,
        servers: Sequence[Server] | None = None,
        *,
        timeout: float = 5.0,
        concurrency: int = 100,
    ) -> None:
        """`timeout`: seconds for one attempt. `concurrency`: questions in the air at once."""
        self._servers = tuple(servers) if servers else None
        self._timeout = timeout
        self._slots = asyncio.Semaphore(concurrency)
        self._known: dict[Key, Outcome] = {}
        self._flying: dict[Key, list[asyncio.Future[Outcome]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._datagrams: dict[Server, Datagrams] = {}
        self.questions = 0
        """Questions that really went out: what sharing is measured by."""

    async def ask(self, name: str, kind: str, *, checking_disabled: bool = False) -> Answer:
        """See net.Resolver. `checking_disabled` sets CD: the validator hands over what it would refuse."""
        key = (name.rstrip(".").lower(), kind, checking_disabled)
        outcome = self._known.get(key)
        if outcome is None:
            outcome = await self._wait(key)
        if isinstance(outcome, CannotLook):
            raise CannotLook(outcome.reason, outcome.detail)
        return outcome

    async def _wait(self, key: Key) -> Outcome:
        """A future for each who asks: one that gives up does not take the answer from the others."""
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[Outcome] = loop.create_future()
        if key in self._flying:
            self._flying[key].append(mine)
        else:
            self._flying[key] = [mine]
            task = loop.create_task(self._find_out(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await mine

    async def close(self) -> None:
        """Give back the sockets."""
        for datagrams in self._datagrams.values():
            datagrams.close()
        self._datagrams.clear()
        await asyncio.sleep(0)  # asyncio closes a socket in the loop's next turn

    async def _find_out(self, key: Key) -> None:
        name, kind, checking_disabled = key
        try:
            async with self._slots:
                outcome: Outcome = await self._ask_servers(name, kind, checking_disabled=checking_disabled)
        except CannotLook as reason:
            outcome = reason
        self._known[key] = outcome
        for waiting in self._flying.pop(key):
            if not waiting.done():
                waiting.set_result(outcome)

    async def _ask_servers(self, name: str, kind: str, *, checking_disabled: bool) -> Answer:
        if self._servers is None:
            self._servers = system_servers()
        question = Question(to_name(name), dns.rdatatype.from_text(kind), checking_disabled)
        failure = CannotLook(Reason.UNREACHABLE, "no name server to ask")
        for attempt in range(ATTEMPTS):
            for server in self._servers:
                try:
                    return await self._exchange(question, server, name, kind)
                except CannotLook as reason:
                    failure = CannotLook(reason.reason, f"{kind} {name}: {reason.detail}")
                    if reason.reason not in (Reason.TIMEOUT, Reason.MALFORMED) and len(self._servers) == 1:
                        raise failure from reason
            if failure.reason not in (Reason.TIMEOUT, Reason.MALFORMED):
                break
            await asyncio.sleep(0.05 * attempt)
        raise failure

    async def _exchange(self, question: "Question", server: Server, name: str, kind: str) -> Answer:
        if server not in self._datagrams:
            self._datagrams[server] = Datagrams(server)
        self.questions += 1
        wire = await _translated(
            server, lambda: self._datagrams[server].exchange(question.wire(), self._timeout)
        )
        if wire[2] & TRUNCATED:
            return read(await self._over_tcp(question, server), name, kind)
        absent = read_absence(wire, name, kind)
        if absent is not None:
            return absent
        try:
            message = dns.message.from_wire(wire, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError) as error:
            raise CannotLook(
                Reason.MALFORMED, f"{server[0]} answered with a broken message: {error}"
            ) from error
        return read(message, name, kind)

    async def _over_tcp(self, question: "Question", server: Server) -> dns.message.Message:
        return await _translated(
            server,
            lambda: dns.asyncquery.tcp(
                question.message(), server[0], timeout=self._timeout, port=server[1], ignore_trailing=True
            ),
        )


class Question:
    """One question, ready for the wire: RD, AD and DO set, so that a validator says what it proved."""

    def __init__(self, name: dns.name.Name, kind: dns.rdatatype.RdataType, checking_disabled: bool) -> None:
        self._name = name
        self._kind = kind
        self._flags = dns.flags.RD | dns.flags.AD | (dns.flags.CD if checking_disabled else 0)

    def wire(self) -> bytes:
        """Built by hand: dnspython's builder costs more than the rest of a look-up together.

        The id protects against blind forgery only together with the port, which changes with the socket.
        """
        header = struct.pack("!HHHHHH", random.getrandbits(16), self._flags, 1, 0, 0, 1)
        name = b"".join(bytes((len(label),)) + label for label in self._name.labels)
        edns = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, UDP_PAYLOAD, dns.flags.DO, 0)
        return header + name + struct.pack("!HH", self._kind, 1) + edns

    def message(self) -> dns.message.QueryMessage:
        """The same as dnspython's own object, for its TCP client."""
        query = dns.message.make_query(
            self._name, self._kind, want_dnssec=True, payload=UDP_PAYLOAD, flags=self._flags
        )
        query.id = int.from_bytes(os.urandom(2), "big")
        return query


async def _translated(server: Server, exchange: Callable[[], Awaitable[T]]) -> T:
    try:
        return await exchange()
    except (TimeoutError, dns.exception.Timeout) as error:
        raise CannotLook(Reason.TIMEOUT, f"{server[0]} did not answer in time") from error
    except ConnectionError as error:
        raise CannotLook(
            Reason.REFUSED, f"{server[0]} port {server[1]}: {error.strerror or error}"
        ) from error
    except (OSError, EOFError) as error:
        raise CannotLook(Reason.UNREACHABLE, f"{server[0]} port {server[1]}: {error}") from error
    except (dns.exception.DNSException, ValueError) as error:
        raise CannotLook(Reason.MALFORMED, f"{server[0]} answered with a broken message: {error}") from error


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
