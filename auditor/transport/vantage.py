"""The name that this machine gives itself in EHLO: one that resolves, else its address literal (RFC 5321 4.1.4)."""

import ipaddress
import socket
from pathlib import Path

from auditor.evidence.dns import Existence
from auditor.net import CannotLook, Network

HOSTS = Path("/etc/hosts")


async def helo_name(network: Network, *, hostname: str | None = None) -> str:
    """The machine's full name where the DNS knows it; a made-up name would earn refusals that say nothing."""
    name = _full(hostname or socket.gethostname())
    if name is not None and await _resolves(name, network):
        return name
    return literal(network.local_addresses())


def literal(addresses: frozenset[str]) -> str:
    """Address literal of the widest address that we have, IPv4 first, for more servers can read it."""
    known = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
    best = min(
        known,
        key=lambda a: (a.is_loopback, a.is_link_local, a.version, not a.is_global, a.packed),
        default=None,
    )
    if best is None:
        return "[127.0.0.1]"
    return f"[{best}]" if best.version == 4 else f"[IPv6:{best}]"


def _full(name: str) -> str | None:
    """With its domain: as the kernel has it, else as the line of /etc/hosts that names it (hosts(5))."""
    if "." in name:
        return name.lower().rstrip(".")
    try:
        lines = HOSTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.partition("#")[0].split()
        if name in words[1:] and "." in words[1]:
            return words[1].lower().rstrip(".")
    return None


async def _resolves(name: str, network: Network) -> bool:
    for kind in ("A", "AAAA"):
        try:
            if (await network.resolver.ask(name, kind)).existence is Existence.FOUND:
                return True
        except CannotLook:
            continue
    return False
