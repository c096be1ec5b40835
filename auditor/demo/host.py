"""The weak host as a whole: name server and mail server on loopback, without root, gone at the end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from auditor.demo import certificate, smtp
from auditor.demo.dns import NameServer
from auditor.demo.zone import ADDRESS, DOMAIN, RECORDS

MAIL_PORTS = (25, 587)
"""Served alike: the second one relays for strangers too."""
CLOSED_PORTS = (465, 110, 143, 993, 995, 4190)
"""Pointed at a port where nobody listens, so that a real mail server of this machine is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakHost:
    """Where it listens."""

    domain: str
    nameserver: tuple[str, int]
    ports: tuple[tuple[int, int], ...]
    """Standard port -> port really used."""


@asynccontextmanager
async def weak_host() -> AsyncIterator[WeakHost]:
    """Start, hand over, stop."""
    loop = asyncio.get_running_loop()
    names = NameServer(RECORDS)
    context = certificate.context()
    nobody = socket.socket()
    nobody.bind((ADDRESS, 0))  # taken, and not listening: refused for as long as the demonstration runs
    servers = [await loop.create_server(lambda: smtp.session(context), ADDRESS, 0) for _ in MAIL_PORTS]
    try:
        nameserver = (ADDRESS, await names.start(ADDRESS))
        try:
            yield WeakHost(
                domain=DOMAIN,
                nameserver=nameserver,
                ports=(
                    *((n, s.sockets[0].getsockname()[1]) for n, s in zip(MAIL_PORTS, servers, strict=True)),
                    *((number, nobody.getsockname()[1]) for number in CLOSED_PORTS),
                ),
            )
        finally:
            names.close()
    finally:
        nobody.close()
        for server in servers:
            server.close()
