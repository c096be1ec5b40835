"""Questions and answers over UDP: a few sockets for thousands of exchanges, each matched to its question.

Callbacks, not coroutines, and sockets of our own: a future, a timer and asyncio's transport cost more than the
rest of a look-up together, and a scan of a thousand domains makes forty thousand.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from random import SystemRandom

from auditor.transport.dns_message import answers

QUESTIONS_PER_SOCKET = 256
"""Then a new socket. A forger must guess the port, which the kernel chooses, and the id, which comes from the
system's random source (RFC 5452 section 9.2); neither is used twice."""

DATAGRAM = 4_096
"""Octets taken of one reply: three times what we ask for."""
AT_ONCE = 64
"""Replies read in one go, before the loop turns to others."""

Heard = Callable[[bytes | OSError], None]
"""Told once what became of a question: the reply, or why there is none (TimeoutError is an OSError)."""


class Datagrams:
    """Exchanges with one name server."""

    def __init__(self, server: tuple[str, int], timeout: float) -> None:
        """`timeout`: seconds for each reply. One for all, so they end in the order in which they began."""
        self._server = server
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._current: _Port | None = None
        self._open: set[_Port] = set()
        self._due: deque[tuple[float, _Port, int]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    def exchange(self, query: bytes, heard: Heard) -> None:
        """Send a query, whose id is chosen here. `heard` is called later, never before this returns."""
        try:
            port = self._current if self._current is not None and self._current.ids else self._fresh()
        except OSError as error:
            self._loop.call_soon(heard, error)
            return
        number = port.send(query, heard)
        self._due.append((self._loop.time() + self._timeout, port, number))
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._timeout, self._expire)

    def _fresh(self) -> "_Port":
        self._current = port = _Port(self._server, self._loop, self._open.discard)
        self._open.add(port)
        return port

    def _expire(self) -> None:
        """One alarm for all questions, set to the oldest that is still open."""
        due, now = self._due, self._loop.time()
        while due and (due[0][0] <= now or due[0][2] not in due[0][1].waiting):
            _, port, number = due.popleft()
            port.end(number, TimeoutError())
        self._alarm = self._loop.call_at(due[0][0], self._expire) if due else None

    def close(self) -> None:
        """Give back every socket. Whoever still waits is told nothing more."""
        if self._alarm is not None:
            self._alarm.cancel()
        for port in tuple(self._open):
            port.close()
        self._current, self._alarm = None, None
        self._due.clear()


class _Port:
    """One socket, from its first question to the last reply. Raises OSError when there is none to be had."""

    def __init__(
        self,
        server: tuple[str, int],
        loop: asyncio.AbstractEventLoop,
        on_close: "Callable[[_Port], None]",
    ) -> None:
        family, kind, _, _, where = socket.getaddrinfo(
            *server, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        self._socket = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect(where)  # the kernel then drops what others send
        except OSError:
            self._socket.close()
            raise
        self._loop = loop
        self._on_close = on_close
        self.ids = SystemRandom().sample(range(1 << 16), QUESTIONS_PER_SOCKET)
        self.waiting: dict[int, tuple[bytes, Heard]] = {}
        loop.add_reader(self._socket.fileno(), self._readable)

    def send(self, query: bytes, heard: Heard) -> int:
        """Gives the id that it went out under."""
        number = self.ids.pop()
        query = number.to_bytes(2, "big") + query[2:]
        self.waiting[number] = (query, heard)
        try:
            self._socket.send(query)
        except BlockingIOError:
            pass  # as good as lost on the way, which its time-out is there for
        except OSError as error:
            self._loop.call_soon(self._fail, error)
        return number

    def end(self, number: int, outcome: bytes | OSError) -> None:
        """Tell whoever asked, unless he has been told; close after the last."""
        _, heard = self.waiting.pop(number, (b"", None))
        if not self.ids and not self.waiting:
            self.close()
        if heard is not None:
            heard(outcome)

    def _readable(self) -> None:
        for _ in range(AT_ONCE):
            try:
                data = self._socket.recv(DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:  # an ICMP message, about one of ours; or closed by the last reply
                self._fail(error)
                return
            number = int.from_bytes(data[:2], "big")
            if number in self.waiting and answers(data, self.waiting[number][0]):
                self.end(number, data)

    def _fail(self, error: OSError) -> None:
        for number in tuple(self.waiting):
            self.end(number, error)

    def close(self) -> None:
        """Give the socket back, once."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._on_close(self)
