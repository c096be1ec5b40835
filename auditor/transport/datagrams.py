"""Questions and answers over UDP: a few sockets for thousands of exchanges, each matched to its question."""

import asyncio
from typing import cast

QUESTIONS_PER_SOCKET = 256
"""Then a new socket with a new port, so that a forger must guess both (RFC 5452 section 9.2)."""

HEADER_LENGTH = 12
OPT_LENGTH = 11
"""Octets of the EDNS record that ends every query (RFC 6891 section 6.1.2, no options)."""


class _Exchange(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.asked = 0
        self.waiting: dict[int, tuple[bytes, asyncio.Future[bytes]]] = {}
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not every loop's transport inherits from the class (CPython 3.11 does not), so no isinstance.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - connected to one server
        if len(data) < HEADER_LENGTH:
            return
        question, answer = self.waiting.get(int.from_bytes(data[:2], "big"), (b"", None))
        if answer is None or answer.done() or not data[2] & 0x80:
            return
        # The question must come back as it was asked (RFC 5452 section 9.1); servers that could not
        # read it at all send none, and their header says so.
        if data[4:6] != b"\0\0" and data[HEADER_LENGTH : HEADER_LENGTH + len(question)].lower() != question:
            return
        answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        for _, answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(exc)


class Datagrams:
    """Exchanges with one name server. Raises TimeoutError and OSError."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._current: _Exchange | None = None
        self._retired: list[_Exchange] = []
        self._opening = asyncio.Lock()

    async def exchange(self, query: bytes, timeout: float) -> bytes:
        """Send, and wait at most `timeout` seconds for the reply to this very question."""
        protocol = self._current
        if protocol is None or protocol.asked >= QUESTIONS_PER_SOCKET:
            protocol = await self._fresh()
        protocol.asked += 1
        number = int.from_bytes(query[:2], "big")
        while number in protocol.waiting:
            number = (number + 1) & 0xFFFF
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        protocol.waiting[number] = (query[HEADER_LENGTH:-OPT_LENGTH].lower(), answer)
        # asyncio.timeout() costs a third of the whole exchange; there are tens of thousands of them.
        alarm = loop.call_later(timeout, _give_up, answer)
        assert protocol.transport is not None
        try:
            protocol.transport.sendto(number.to_bytes(2, "big") + query[2:])
            return await answer
        finally:
            alarm.cancel()
            del protocol.waiting[number]
            if self._retired:
                self._sweep()

    async def _fresh(self) -> _Exchange:
        async with self._opening:
            if self._current is None or self._current.asked >= QUESTIONS_PER_SOCKET:
                if self._current is not None:
                    self._retired.append(self._current)
                loop = asyncio.get_running_loop()
                _, self._current = await loop.create_datagram_endpoint(_Exchange, remote_addr=self._server)
            return self._current

    def _sweep(self) -> None:
        for protocol in [p for p in self._retired if not p.waiting]:
            self._retired.remove(protocol)
            if protocol.transport is not None:
                protocol.transport.close()

    def close(self) -> None:
        """Give back every socket."""
        for protocol in (*self._retired, *((self._current,) if self._current else ())):
            if protocol.transport is not None:
                protocol.transport.close()
        self._retired, self._current = [], None


def _give_up(answer: asyncio.Future[bytes]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
