"""A thousand mail domains that are 20 ms away: a name server and SMTP servers on loopback, every answer delayed.

Runs as a process of its own, so that what it costs is not charged to the scanner: `python far_away.py PORT DELAY`.
Domain N is dN.bench with one MX, mx.dN.bench, at 1.1.x.y; the benchmark's network turns 1. into 127. on the way out.
"""

import asyncio
import struct
import sys

DKIM = (
    "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu5oIUrFDWZK7F4thFxpZa2or6jBEX3cSL6b2TJdPkO5iNn9vHNXhNX31nOefN8FksX94YbLJ8NHcFPbaZTW8R2HthYxRaCyqodxlLHibg8aHdfa+bxKeiI/xABRuAM0WG0JEDSyakMFqIO40ghj/h7DUc/4OXNdeQhrKDTlgf2bd+FjpJ3bNAFcMYa3Oeju33b2Tp+PdtqIwXR"
    "ZksfuXh7m30kuyavp3Uaso145DRBaJZA55lNxmHWMgMjO+YjNeuR6j4oQqyGwzPaVcSdOG8Js2mXt+J3Hr+nNmJGxZUUW4Uw5ws08wT9opRgSpn+ThX2d1AgQePpGrWOamC3PdcwIDAQAB"
)
A, NS, MX, TXT, PTR = 1, 2, 15, 16, 12


def address(number: int) -> str:
    """Of the only MX host of domain `number`."""
    return f"1.1.{number // 250}.{number % 250 + 1}"


def _name(text: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in text.rstrip(".").split(".")) + b"\0"


def _txt(text: str) -> bytes:
    octets = text.encode()
    return b"".join(
        bytes((len(part),)) + part for part in (octets[i : i + 255] for i in range(0, len(octets), 255))
    )


def _ip(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


def holds(name: str, kind: int) -> list[bytes] | None:
    """Record data; [] for no data, None for no such name."""
    labels = name.split(".")
    if name.endswith(".in-addr.arpa") and len(labels) == 6:
        last, third = int(labels[0]), int(labels[1])
        return [_name(f"mx.d{third * 250 + last - 1}.bench")] if kind == PTR else []
    if name.startswith(("2.0.0.127.", "test.", "dbltest.com.")):
        return [_ip("127.0.0.2")] if kind == A else []
    if labels[-1] != "bench":
        return None
    if name == "bench" or name.startswith("ns"):
        return [_ip("1.2.0." + labels[0][2:])] if kind == A and labels[0][2:].isdecimal() else []
    domain = ".".join(labels[-2:])
    if not labels[-2][1:].isdecimal():
        return None
    return _in_domain(".".join(labels[:-2]), domain, kind)


def _in_domain(host: str, domain: str, kind: int) -> list[bytes] | None:
    number = int(domain[1 : domain.index(".")])
    held = {
        ("", MX): [struct.pack("!H", 10) + _name(f"mx.{domain}")],
        ("", NS): [_name("ns1.bench"), _name("ns2.bench")],
        ("", TXT): [_txt("v=spf1 mx -all")],
        ("mx", A): [_ip(address(number))],
        ("_dmarc", TXT): [_txt(f"v=DMARC1; p=reject; rua=mailto:dmarc@{domain}")],
        ("_smtp._tls", TXT): [_txt(f"v=TLSRPTv1; rua=mailto:tls@{domain}")],
        ("default._domainkey", TXT): [_txt(DKIM)],
    }
    exists = host in ("_domainkey", "_tls") or any(name == host for name, _ in held)
    return held.get((host, kind), [] if exists else None)


def reply(query: bytes) -> bytes:
    """The wire of the answer."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]])
        at += 1 + query[at]
    question = query[12 : at + 5]
    kind = int.from_bytes(query[at + 1 : at + 3], "big")
    found = holds(b".".join(labels).decode().lower(), kind)
    records = [] if found is None else found
    head = (
        query[:2]
        + (b"\x85\x83" if found is None else b"\x85\x80")
        + struct.pack("!HHHH", 1, len(records), 0, 0)
    )
    body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 300, len(data)) + data for data in records)
    return head + question + body


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, delay: float) -> None:
        self._delay, self._loop = delay, asyncio.get_running_loop()

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, addr):
        self._loop.call_later(self._delay, self._transport.sendto, reply(data), addr)


def _tcp(delay: float):
    async def serve(reader, writer):
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                wire = reply(await reader.readexactly(size))
                await asyncio.sleep(delay)
                writer.write(len(wire).to_bytes(2, "big") + wire)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return serve


def _say(line: bytes) -> bytes:
    verb = line[:4].upper()
    if verb == b"EHLO":
        return b"250-mx.bench\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10240000\r\n"
    if verb == b"QUIT":
        return b"221 2.0.0 Bye\r\n"
    if verb == b"RCPT":
        own = b".bench" in line.lower() or b"<postmaster>" in line.lower()
        return b"250 2.1.5 Ok\r\n" if own else b"554 5.7.1 Relay access denied\r\n"
    if verb in (b"HELO", b"MAIL", b"RSET", b"NOOP"):
        return b"250 2.0.0 Ok\r\n"
    return b"502 5.5.2 Command not recognised\r\n"


def _smtp(delay: float):
    async def serve(reader, writer):
        try:
            await asyncio.sleep(delay)
            writer.write(b"220 mx.bench ESMTP\r\n")
            while data := await reader.read(4096):
                await asyncio.sleep(delay)
                writer.write(b"".join(_say(line) for line in data.splitlines()))
                if b"QUIT" in data.upper():
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    return serve


async def main(port: int, delay: float, domains: int) -> None:
    """Serve until standard input ends: then nothing is left behind, however the benchmark dies."""
    loop = asyncio.get_running_loop()
    for host, number in (("127.0.0.1", port), ("127.0.0.53", 53)):
        try:
            await loop.create_datagram_endpoint(lambda: _Udp(delay), local_addr=(host, number))
            await asyncio.start_server(_tcp(delay), host, number)
        except OSError:
            if number != 53:
                raise
            print("no port 53 for checkdmarc's command line", flush=True)
    hosts = ["127" + address(number)[1:] for number in range(domains)]
    await asyncio.start_server(_smtp(delay), hosts, port + 1)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
