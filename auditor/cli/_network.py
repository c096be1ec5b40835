"""The real world, put together from its parts."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from auditor.net import Network
from auditor.transport.dns import CachingResolver, read_server
from auditor.transport.network import RealNetwork


class BadAddress(ValueError):
    """Its text is the sentence for the user."""


def read_servers(nameservers: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """--nameserver IP[:PORT]. Raises BadAddress."""
    servers = []
    for text in nameservers:
        try:
            servers.append(read_server(text))
        except ValueError as error:
            raise BadAddress(f"--nameserver {text!a}: give IP, IP:PORT or [IPv6]:PORT") from error
    return tuple(servers)


@asynccontextmanager
async def real_network(
    servers: tuple[tuple[str, int], ...], *, timeout: float, concurrency: int
) -> AsyncIterator[Network]:
    """DNS, SMTP and SSH as they are; the sockets are given back at the end. `timeout` in seconds."""
    resolver = CachingResolver(servers or None)
    try:
        yield RealNetwork(resolver, timeout=timeout, concurrency=concurrency)
    finally:
        await resolver.close()
