"""Which mail program runs, and what it was told: in words that fit all four of them."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from auditor.evidence.processes import Listener, Process, ProcessTable

MAIL_PORTS = (25, 465, 587)
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Mta(StrEnum):
    """The mail programs whose configuration can be read."""

    POSTFIX = "postfix"
    EXIM = "exim"
    OPENSMTPD = "opensmtpd"
    SENDMAIL = "sendmail"


@dataclass(frozen=True, slots=True, kw_only=True)
class MtaDaemon:
    """One mail program that is up, by its topmost process."""

    mta: Mta
    pid: int
    command: str
    ports: tuple[int, ...] = ()
    """TCP ports that it or its children listen on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MtaRunning:
    """Every mail daemon that runs, told from processes and sockets, never from installed packages."""

    daemons: tuple[MtaDaemon, ...] = ()
    strangers: tuple[tuple[int, str], ...] = ()
    """(port, program) of mail ports that a program holds which is none of the four."""

    @property
    def only(self) -> Mta | None:
        """The one that the host's mail goes through: the one on port 25, else the only one there is."""
        on_smtp = {daemon.mta for daemon in self.daemons if 25 in daemon.ports}
        kinds = on_smtp or {daemon.mta for daemon in self.daemons}
        return next(iter(kinds)) if len(kinds) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedNetworks:
    """Client addresses that may relay without a login, as the running mail program was told."""

    mta: Mta
    networks: tuple[str, ...] = ()
    """CIDR, or a single address. What the program trusts by itself (its own addresses) is in own_addresses."""
    unreadable: tuple[str, ...] = ()
    """Entries that name a table, a host name or a pattern: who is in them cannot be told from here."""
    own_addresses: tuple[str, ...] = field(default=())
    """Every address of the host's interfaces. OpenSMTPD and Sendmail trust these always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigComplaints:
    """What the running mail program says against its own configuration, in its own words."""

    mta: Mta
    lines: tuple[str, ...] = ()


def classify(process: Process) -> Mta | None:
    """Which mail program this process belongs to."""
    path = process.executable or process.command.split(" ")[0]
    name = path.rpartition("/")[2].removesuffix(":")
    if "/postfix/" in path and name == "master":
        return Mta.POSTFIX
    if name in {"exim4", "exim"}:
        return Mta.EXIM
    if name == "smtpd" and "/postfix/" not in path:
        return Mta.OPENSMTPD
    if name.startswith("sendmail"):
        return Mta.SENDMAIL
    return None


def _ports(pids: frozenset[int], listeners: Iterable[Listener]) -> tuple[int, ...]:
    return tuple(sorted({item.port for item in listeners if item.kind == "tcp" and pids & set(item.pids)}))


def _is_daemon(process: Process, mta: Mta, ports: tuple[int, ...]) -> bool:
    """A program that only hands in one message (`sendmail -t` from cron) is no daemon."""
    if ports or mta in {Mta.POSTFIX, Mta.OPENSMTPD}:
        return True
    words = process.command.split()
    if mta is Mta.EXIM:
        return any(word.startswith(("-bd", "-q")) for word in words)
    return "accepting connections" in process.command or "Queue runner" in process.command


def _family(top: Process, processes: tuple[Process, ...]) -> frozenset[int]:
    """The process and all that descend from it."""
    found = {top.pid}
    for _ in range(6):  # master, service, child: mail programs are no deeper
        found |= {process.pid for process in processes if process.parent in found}
    return frozenset(found)


def find_daemons(table: ProcessTable) -> MtaRunning:
    """Group the processes of mail programs under their topmost one."""
    kinds = {p.pid: mta for p in table.processes if (mta := classify(p)) is not None}
    daemons = []
    mail_pids: set[int] = set()
    for process in table.processes:
        mta = kinds.get(process.pid)
        if mta is None or kinds.get(process.parent) is mta:
            continue
        family = _family(process, table.processes)
        mail_pids |= family
        ports = _ports(family, table.listeners)
        if _is_daemon(process, mta, ports):
            daemons.append(MtaDaemon(mta=mta, pid=process.pid, command=process.command, ports=ports))
    strangers = {
        (listener.port, owner.executable.rpartition("/")[2] or owner.command)
        for listener in table.listeners
        if listener.kind == "tcp" and listener.port in MAIL_PORTS
        for owner in table.owners(listener)
        if owner.pid not in mail_pids
    }
    return MtaRunning(daemons=tuple(daemons), strangers=tuple(sorted(strangers)))


def parse_addresses(text: str) -> tuple[str, ...]:
    """Addresses of `ip -o address show`."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        for word, value in pairwise(fields):
            if word in {"inet", "inet6"}:
                found.append(value.partition("/")[0])
    return tuple(dict.fromkeys(found))


def read_network(text: str) -> IpNetwork | None:
    """CIDR as mail programs write it: [::1]/128, 127, 10.1., 198.51.100, IPv6:2001:db8. None for anything else."""
    plain = text.strip().replace("[", "").replace("]", "").removeprefix("IPv6:").removeprefix("ipv6:")
    octets = plain.rstrip(".").split(".")
    if "/" not in plain and len(octets) < 4 and all(part.isascii() and part.isdigit() for part in octets):
        plain = ".".join([*octets, *["0"] * (4 - len(octets))]) + f"/{8 * len(octets)}"
    try:
        return ipaddress.ip_network(plain, strict=False)
    except ValueError:
        return None


def sort_networks(words: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(networks in CIDR, words that name none). A leading "!" excludes, so it trusts nobody and is left out."""
    networks, unreadable = [], []
    for word in words:
        if word.startswith("!"):
            continue
        network = read_network(word)
        if network is None:
            unreadable.append(word)
        else:
            networks.append(str(network))
    return tuple(dict.fromkeys(networks)), tuple(dict.fromkeys(unreadable))


def too_wide(networks: Iterable[str], *, allowed: Iterable[str], own: Iterable[str]) -> Iterator[str]:
    """Networks that reach beyond loopback, the host's own addresses and what the inventory declares."""
    fine = [ipaddress.ip_network(item) for item in ("127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104")]
    fine += [network for item in (*allowed, *own) if (network := read_network(item)) is not None]
    for text in networks:
        network = ipaddress.ip_network(text)
        if not any(
            network.version == other.version
            and network.network_address in other
            and network.broadcast_address in other
            for other in fine
        ):
            yield text
