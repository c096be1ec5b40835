"""One question on its way: from server to server, over TCP where it has to be, until something is proven.

Driven by callbacks. As a task, each of the forty thousand questions of a large scan costs twice as much.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

import dns.exception

from auditor.evidence.dns import Answer
from auditor.model import Reason
from auditor.net import CannotLook
from auditor.transport.datagrams import Datagrams
from auditor.transport.dns_message import Question, answers, read

ATTEMPTS = 2
"""How often each name server is asked before the answer is "no answer"."""

TRUNCATED = 0x02
"""The TC bit in the third octet (RFC 1035 section 4.1.1): ask again over TCP."""

WORTH_ANOTHER_ROUND = frozenset({Reason.TIMEOUT, Reason.MALFORMED})
"""Packets get lost and forged; what a server refuses, it refuses again."""

_BROKEN = (dns.exception.DNSException, ValueError)
"""What dnspython says of octets that are no message."""

Outcome = Answer | CannotLook
Server = tuple[str, int]


class Servers:
    """The name servers in the order in which they are asked, and the way to each."""

    def __init__(self, addresses: Sequence[Server], timeout: float) -> None:
        """At least one address. `timeout`: seconds for one attempt."""
        self.ways = tuple((address, Datagrams(address, timeout)) for address in addresses)
        self.timeout = timeout
        self.asked = 0
        """Questions that went out over UDP."""
        self.fetching: set[asyncio.Task[None]] = set()
        """Questions under way over TCP."""

    def close(self) -> None:
        """Give back the sockets."""
        for _, datagrams in self.ways:
            datagrams.close()
        for task in self.fetching:
            task.cancel()


class LookUp:
    """Asks one question; `conclude` is called once, and not before ask() has returned."""

    def __init__(
        self, name: str, kind: str, *, checking_disabled: bool, conclude: Callable[[Outcome], None]
    ) -> None:
        """Raises CannotLook when the name is none."""
        self._name = name
        self._kind = kind
        self._question = Question(name, kind, checking_disabled=checking_disabled)
        self._conclude = conclude
        self._attempt = 0

    def ask(self, servers: Servers) -> None:
        """The next server, for the first time or again."""
        self._servers = servers
        self._server, datagrams = servers.ways[self._attempt % len(servers.ways)]
        self._attempt += 1
        servers.asked += 1
        datagrams.exchange(self._question.wire, self._heard)

    def _heard(self, reply: bytes | OSError) -> None:
        try:
            if isinstance(reply, OSError):
                raise _explain(reply, self._server) from reply
            if reply[2] & TRUNCATED:
                task = asyncio.get_running_loop().create_task(self._fetch())
                self._servers.fetching.add(task)
                task.add_done_callback(self._servers.fetching.discard)
                return
            answer = read(reply, self._name, self._kind)
        except CannotLook as reason:
            self._failed(reason)
        except _BROKEN as error:
            self._failed(_explain(error, self._server))
        else:
            self._conclude(answer)

    async def _fetch(self) -> None:
        """The same over TCP (RFC 7766)."""
        query = os.urandom(2) + self._question.wire[2:]
        try:
            async with asyncio.timeout(self._servers.timeout):
                reply = await _exchange_over_tcp(query, self._server)
            answer = read(reply, self._name, self._kind)
        except CannotLook as reason:
            self._failed(reason)
        except (OSError, EOFError, *_BROKEN) as error:
            self._failed(_explain(error, self._server))
        else:
            self._conclude(answer)

    def _failed(self, reason: CannotLook) -> None:
        rounds, within = divmod(self._attempt, len(self._servers.ways))
        if within or (rounds < ATTEMPTS and reason.reason in WORTH_ANOTHER_ROUND):
            self.ask(self._servers)
        else:
            self._conclude(CannotLook(reason.reason, f"{self._kind} {self._name}: {reason.detail}"))


async def _exchange_over_tcp(query: bytes, server: Server) -> bytes:
    """Raises OSError, EOFError and, for the answer to another question, ValueError."""
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()
    if not answers(reply, query):
        raise ValueError("it belongs to another question")
    return reply


def _explain(error: Exception, server: Server) -> CannotLook:
    where = f"{server[0]} port {server[1]}"
    match error:
        case TimeoutError() | dns.exception.Timeout():
            return CannotLook(Reason.TIMEOUT, f"{server[0]} did not answer in time")
        case ConnectionError():
            return CannotLook(Reason.REFUSED, f"{where}: {error.strerror or error}")
        case OSError() | EOFError():
            return CannotLook(Reason.UNREACHABLE, f"{where}: {error}")
        case _:
            return CannotLook(Reason.MALFORMED, f"{server[0]} answered with a broken message: {error}")
