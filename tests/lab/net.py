"""Network namespaces joined by a router that knows no way out.

Three networks, three bridges in the router's namespace: mail hosts, name service, and the outside from which scans
and attacks come. A mail host reaches the outside through its gateway only, so nobody there is its neighbour. Every
laboratory has namespaces of its own, so all of them use the same documentation addresses (RFC 5737, RFC 3849).
"""

import ctypes
import ipaddress
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MAIL: Final = "198.51.100"
NAMES: Final = "192.0.2"
OUTSIDE: Final = "203.0.113"
_BRIDGES: Final = {
    MAIL: ("mail", "2001:db8:100::"),
    NAMES: ("names", "2001:db8:2::"),
    OUTSIDE: ("outside", "2001:db8:203::"),
}
RESOLVERS: Final = ("192.0.2.10", "192.0.2.11")
_CLONE_NEWNET: Final = 0x40000000


def ip(*args: str) -> None:
    """Run ``ip`` and say what it said when it fails."""
    done = subprocess.run(["ip", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")


def _batch(namespace: str, commands: Sequence[str]) -> None:
    done = subprocess.run(
        ["ip", "-n", namespace, "-batch", "-"],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"in {namespace}: {done.stderr.strip()}")


def _add_namespace(namespace: str) -> None:
    ip("netns", "add", namespace)
    sysctl = [f"net.ipv6.conf.{scope}.accept_dad=0" for scope in ("all", "default")]
    sysctl += [f"net.ipv6.conf.{scope}.accept_ra=0" for scope in ("all", "default")]
    subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-qw", *sysctl], check=True)


def _mac(v4: str) -> str:
    # The address decides the MAC, so a host that is built anew under an old address is found in every neighbour cache.
    return "02:00:" + ":".join(f"{octet:02x}" for octet in ipaddress.IPv4Address(v4).packed)


@dataclass(frozen=True, kw_only=True)
class Router:
    """The namespace with the bridges. `lab` is the laboratory's id, which starts every namespace's name."""

    lab: str

    @property
    def namespace(self) -> str:
        """Name under /run/netns."""
        return f"{self.lab}-router"

    def up(self) -> None:
        """Create the bridges, their gateway addresses and forwarding between them."""
        _add_namespace(self.namespace)
        commands = ["link set lo up"]
        for network, (bridge, v6) in _BRIDGES.items():
            commands += [
                # its own MAC, else it takes a new port's lower one and every neighbour loses the gateway for a while
                f"link add name {bridge} address {_mac(f'{network}.1')} type bridge mcast_snooping 0 forward_delay 0",
                f"addr add {network}.1/24 dev {bridge}",
                f"addr add {v6}1/64 dev {bridge} nodad",
                f"link set {bridge} up",
            ]
        _batch(self.namespace, commands)
        forward = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
        subprocess.run(["ip", "netns", "exec", self.namespace, "sysctl", "-qw", *forward], check=True)


@dataclass(frozen=True, kw_only=True)
class Station:
    """A network namespace with addresses in the laboratory: a vantage, an attacker, a sink, the net side of a host."""

    lab: str
    name: str
    v4: str
    v6: str

    @property
    def namespace(self) -> str:
        """Name under /run/netns."""
        return f"{self.lab}-{self.name}"

    def up(self, router: Router) -> None:
        """Create the namespace and plug it into the bridge that its addresses belong to."""
        _add_namespace(self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        self.plug(router, "eth0", self.v4, self.v6)
        network = self.v4.rpartition(".")[0]
        _batch(
            self.namespace,
            [f"route add default via {network}.1", f"route add ::/0 via {_BRIDGES[network][1]}1"],
        )
        resolv = Path("/etc/netns") / self.namespace / "resolv.conf"
        resolv.parent.mkdir(parents=True, exist_ok=True)
        resolv.write_text(resolv_conf(), encoding="utf-8")

    def plug(self, router: Router, device: str, *addresses: str) -> None:
        """Add an interface with `addresses`; the first one is IPv4 and decides the bridge and the MAC."""
        bridge = _BRIDGES[addresses[0].rpartition(".")[0]][0]
        port = f"v{addresses[0].replace('.', '')}"
        link = ["link", "add", "name", device, "address", _mac(addresses[0]), "type", "veth"]
        ip("-n", self.namespace, *link, "peer", "name", port, "netns", router.namespace)
        ip("-n", router.namespace, "link", "set", port, "master", bridge, "up")
        self.add(device, *addresses)
        ip("-n", self.namespace, "link", "set", device, "up")

    def add(self, device: str, *addresses: str) -> None:
        """Put more addresses on an interface."""
        _batch(
            self.namespace,
            [
                f"addr add {a}/64 dev {device} nodad" if ":" in a else f"addr add {a}/24 dev {device}"
                for a in addresses
            ],
        )

    def down(self) -> None:
        """Remove the interfaces, then the namespace, which alone takes them along only when the kernel comes to it."""
        inside = ["ip", "-n", self.namespace]
        shown = subprocess.run(
            [*inside, "-o", "link", "show", "type", "veth"], capture_output=True, text=True, check=False
        )
        for line in shown.stdout.splitlines():  # "2: eth0@if9: <BROADCAST…"
            device = line.split(": ")[1].partition("@")[0]
            subprocess.run([*inside, "link", "del", device], capture_output=True, check=False)
        delete_namespace(self.namespace)

    def argv(self, command: Sequence[str]) -> list[str]:
        """`command` as it must be started to run here, with the laboratory's resolver."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def run(
        self, command: Sequence[str], *, check: bool = False, **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here and wait; output is captured as text, and the caller looks at the exit code."""
        options: dict[str, Any] = {
            "capture_output": True,
            "text": True,
            "timeout": 120,
            **kwargs,
        }
        done: subprocess.CompletedProcess[str] = subprocess.run(self.argv(command), check=check, **options)
        return done

    def popen(self, command: Sequence[str], **kwargs: Any) -> subprocess.Popen[Any]:
        """Start a command here; the caller ends it."""
        return subprocess.Popen(self.argv(command), **kwargs)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let the calling thread open its sockets here. Threads it starts inherit that; older threads do not."""
        with (
            Path("/proc/thread-self/ns/net").open() as back,
            Path("/run/netns", self.namespace).open() as there,
        ):
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(back.fileno())


def resolv_conf(servers: Sequence[str] = RESOLVERS[:1]) -> str:
    """The text of a resolv.conf; ``trust-ad`` because the resolver validates and the path to it is ours."""
    return "".join(f"nameserver {server}\n" for server in servers) + "options trust-ad timeout:2 attempts:2\n"


def delete_namespace(namespace: str) -> None:
    """Remove a namespace and its resolv.conf, whether or not they are there."""
    subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)
    folder = Path("/etc/netns") / namespace
    (folder / "resolv.conf").unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()


def _setns(fd: int) -> None:
    # os.setns() came with Python 3.12.
    if ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
