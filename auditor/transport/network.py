"""The world as it is: a net.Network over sockets, the DNS, SSH and the clock."""

import asyncio
import socket
from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime
from ipaddress import IPv6Address
from itertools import pairwise
from pathlib import Path

from auditor.model import Reason, SshTarget
from auditor.net import CannotLook, Resolver, Shell, Stream, TlsOffer
from auditor.transport import tcp

CONNECT = 10.0
"""Seconds for the three packets of a connection: Linux repeats the first after 1, 3 and 7."""
PATIENCE = 1.0
"""Seconds for which an unanswered attempt keeps others away from the same address."""
NOT_THERE = frozenset({Reason.REFUSED, Reason.TIMEOUT, Reason.UNREACHABLE})


class RealNetwork:
    """Polite by construction: one connection at a time per address, and at most `concurrency` in all.

    A place is taken by connect() and given back by the stream's close(); waiting for one costs no timeout.
    """

    def __init__(self, resolver: Resolver, *, timeout: float = 30.0, concurrency: int = 200) -> None:
        self.resolver = resolver
        self._timeout = timeout
        self._places = asyncio.Semaphore(concurrency)
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(1))
        self._closed: dict[tuple[str, int], CannotLook] = {}
        self._opened: set[tuple[str, int]] = set()

    async def connect(
        self,
        address: str,
        port: int,
        *,
        tls: TlsOffer | None = None,
        timeout: float | None = None,
        first: bytes = b"",
    ) -> Stream:
        """Connect to an IP address; with tls, shake hands first. Raises CannotLook.

        A port that has only ever refused, or never answered, is asked once per scan: several probes want the same closed ports, which was
        two of three connections. One that was open before may be refusing a burst, so it is asked again.
        """
        deadline = timeout or self._timeout
        with ExitStack() as taken:
            turn = self._turns[address]
            await turn.acquire()
            queueing = taken.enter_context(ExitStack())
            queueing.callback(turn.release)
            closed = self._closed.get((address, port))
            if closed is not None:
                raise CannotLook(closed.reason, closed.detail)
            await self._places.acquire()
            taken.callback(self._places.release)
            # A port that does not answer lets others to the same address after a moment: a packet filter that
            # drops is no connection, and seven filtered ports must not cost seven time-outs. Should it answer
            # late after all, it is not queued again: whoever holds a place and waits for a turn could wait for
            # somebody who waits for a place.
            alarm = asyncio.get_running_loop().call_later(PATIENCE, queueing.close)
            try:
                sock = await tcp.dial(address, port, timeout=min(deadline, CONNECT), first=first)
            except CannotLook as failure:
                if failure.reason in NOT_THERE and (address, port) not in self._opened:
                    self._closed[address, port] = failure
                raise
            finally:
                alarm.cancel()
            give_back = taken.pop_all()
        self._opened.add((address, port))
        return await tcp.converse(sock, tls=tls, timeout=deadline, on_close=give_back.close)

    async def shell(self, target: SshTarget) -> Shell:
        """Log in. Raises CannotLook."""
        from auditor.transport.ssh import login  # noqa: PLC0415 - paramiko takes 164 ms to import

        return await login(target, timeout=self._timeout)

    def local_addresses(self) -> frozenset[str]:
        """Addresses of this machine: from the kernel's tables, else from the resolver of the system."""
        found = frozenset((*_ipv4_of_kernel(), *_ipv6_of_kernel()))
        return found or frozenset(_of_own_name())

    def now(self) -> datetime:
        """The clock, UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the edge where the clock is read

    async def sleep(self, seconds: float) -> None:
        """Wait, for back-off and greylisting."""
        await asyncio.sleep(seconds)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _ipv4_of_kernel() -> set[str]:
    """Addresses above a line "/32 host LOCAL" of the routing tree (Documentation/networking, fib_trie)."""
    lines = _lines("/proc/net/fib_trie")
    return {above.rpartition(" ")[2] for above, line in pairwise(lines) if line.strip() == "/32 host LOCAL"}


def _ipv6_of_kernel() -> set[str]:
    """First column of /proc/net/if_inet6: 32 hex digits."""
    return {
        str(IPv6Address(int(line.split()[0], 16))) for line in _lines("/proc/net/if_inet6") if line.strip()
    }


def _of_own_name() -> set[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        return set()
