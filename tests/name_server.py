"""A name server on loopback that sends exactly what the test says, also what no honest server would."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rrset

Reply = Callable[[bytes], list[bytes]]


def respond(query: bytes, *records: str, rcode: int = 0, secure: bool = False) -> bytes:
    """An honest reply: `records` in zone-file form, all in the answer section."""
    message = dns.message.make_response(dns.message.from_wire(query), recursion_available=True)
    message.set_rcode(rcode)
    if secure:
        message.flags |= dns.flags.AD
    for record in records:
        name, ttl, _, kind, data = record.split(maxsplit=4)
        message.answer.append(dns.rrset.from_text(name, int(ttl), "IN", kind, data))
    return message.to_wire(max_size=65535)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply, seen: list[bytes]) -> None:
        self._reply, self._seen = reply, seen

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, addr):
        self._seen.append(data)
        for wire in self._reply(data):
            self._transport.sendto(wire, addr)


@asynccontextmanager
async def name_server(
    udp: Reply, tcp: Reply | None = None
) -> AsyncIterator[tuple[tuple[str, int], list[bytes]]]:
    """Yields its address and port, and the UDP queries it has seen."""
    seen: list[bytes] = []
    loop = asyncio.get_running_loop()

    async def serve(reader, writer):
        length = int.from_bytes(await reader.readexactly(2), "big")
        for wire in (tcp or (lambda _query: []))(await reader.readexactly(length)):
            writer.write(len(wire).to_bytes(2, "big") + wire)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Udp(udp, seen), local_addr=("127.0.0.1", port)
    )
    try:
        yield ("127.0.0.1", port), seen
    finally:
        transport.close()
        listener.close()
