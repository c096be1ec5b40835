"""Questions and answers over UDP: a few sockets for thousands of exchanges, each matched to its question."""

import asyncio
import struct
from typing import cast

QUESTIONS_PER_SOCKET = 256
"""Then a new socket with a new port, so that a forger must guess both (RFC 5452 section 9.2)."""

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
        if len(data) < 12:
            return
        number = int.from_bytes(data[:2], "big")
        question, answer = self.waiting.get(number, (b"", None))
        if answer is None or answer.done() or not data[2] & 0x80:
            return
        # The question must come back as it was asked (RFC 5452 section 9.1); servers that could not
        # read it at all send none, and their header says so.
        asked = int.from_bytes(data[4:6], "big")
        if asked and data[12 : 12 + len(question)].lower() != question:
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
        protocol = await self._socket()
        number = int.from_bytes(query[:2], "big")
        while number in protocol.waiting:
            number = (number + 1) & 0xFFFF
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        protocol.waiting[number] = (query[12:-OPT_LENGTH].lower(), answer)
        assert protocol.transport is not None
        try:
            protocol.transport.sendto(struct.pack("!H", number) + query[2:])
            async with asyncio.timeout(timeout):
                return await answer
        finally:
            del protocol.waiting[number]
            self._sweep()

    async def _socket(self) -> _Exchange:
        async with self._opening:
            if self._current is None or self._current.asked >= QUESTIONS_PER_SOCKET:
                if self._current is not None:
                    self._retired.append(self._current)
                loop = asyncio.get_running_loop()
                _, self._current = await loop.create_datagram_endpoint(_Exchange, remote_addr=self._server)
            self._current.asked += 1
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
