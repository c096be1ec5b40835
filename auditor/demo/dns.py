"""A name server for one small zone on loopback, over UDP and TCP. It knows nothing else and asks nobody."""

import asyncio
from collections.abc import Mapping
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

TTL = 300
MAX_QUESTION = 4096
NEGATIVE = "ns.invalid. hostmaster.invalid. 1 7200 900 1209600 300"
Records = Mapping[tuple[str, str], tuple[str, ...]]


def respond(wire: bytes, records: Records) -> bytes | None:
    """The answer on the wire; None for what is no question."""
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    if len(query.question) != 1:
        return None
    answer = dns.message.make_response(query, recursion_available=True)
    asked = query.question[0]
    name = asked.name.to_text().rstrip(".").lower()
    kind = dns.rdatatype.to_text(asked.rdtype)
    found = records.get((name, kind))
    if found:
        answer.answer.append(dns.rrset.from_text(asked.name, TTL, "IN", kind, *found))
    else:
        exists = any(known == name or known.endswith(f".{name}") for known, _ in records)
        answer.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        answer.authority.append(dns.rrset.from_text(".", TTL, "IN", "SOA", NEGATIVE))
    return answer.to_wire()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, records: Records) -> None:
        self._records = records

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = respond(data, self._records)
        if answer is not None:
            self._transport.sendto(answer, addr)


class NameServer:
    """Listens on one port for both transports, until close()."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def start(self, address: str) -> int:
        """Give the port."""
        self._tcp = await asyncio.start_server(self._converse, address, 0)
        port: int = self._tcp.sockets[0].getsockname()[1]
        self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(self._records), local_addr=(address, port)
        )
        return port

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2))
                answer = respond(await reader.readexactly(min(length, MAX_QUESTION)), self._records)
                if answer is None:
                    break
                writer.write(len(answer).to_bytes(2) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        """Stop listening."""
        self._udp.close()
        self._tcp.close()
