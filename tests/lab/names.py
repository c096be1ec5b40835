"""The laboratory's own name service: signed root, top-level domains, any zone a test asks for, a validating resolver.

BIND is authoritative for everything on 192.0.2.53 and 203.0.113.53; Unbound resolves and validates on 192.0.2.10
and 192.0.2.11 from the laboratory's own trust anchor.
"""

import base64
import ipaddress
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.lab import process
from tests.lab.net import RESOLVERS, Router, Station
from tests.lab.servers import RESOLVERS_V6, TSIG_NAME, configure, list_zones
from tests.lab.zones import AUTHORITATIVE, AUTHORITATIVE_V6, Zone

_RUN: Final = Path(__file__).with_name("names.sh")
_NETWORKS: Final = (
    "100.51.198.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
)


@dataclass(kw_only=True)
class NameService:
    """Authoritative server and resolver. Made by the laboratory as ``lab.names``."""

    station: Station
    state: Path
    tsig_secret: str = field(
        default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode(), repr=False
    )
    _zones: dict[dns.name.Name, Zone] = field(default_factory=dict, repr=False)
    _runner: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _pid: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def start(self, router: Router, roots: list[Path], people: dict[str, tuple[str, str]]) -> None:
        """Bring up the namespace, the zones every laboratory has, and both servers.

        `people` are names outside with their two addresses, which point back at them.
        """
        self.station.up(router)
        self.station.add("eth0", RESOLVERS[1], AUTHORITATIVE[0], AUTHORITATIVE_V6[0], *RESOLVERS_V6)
        self.station.plug(router, "eth1", AUTHORITATIVE[1], AUTHORITATIVE_V6[1])
        for folder in ("upper", "work", "root", "lab"):
            (self.state / folder).mkdir(parents=True)
        addresses = [
            f"ns{n} {kind} {a}"
            for n, pair in enumerate(zip(AUTHORITATIVE, AUTHORITATIVE_V6, strict=True), 1)
            for kind, a in zip(("A", "AAAA"), pair, strict=True)
        ]
        self._declare(".", [], signed=True)
        self._declare("dns.example", addresses, signed=True)
        for network in _NETWORKS:
            self._declare(network, [], signed=True)
        for name, pair in people.items():
            self._declare(name, [f"@ A {pair[0]}", f"@ AAAA {pair[1]}"])
            self._point(dict.fromkeys(pair, name))
        self._render()
        list_zones(self._folder, self._zones.values())
        configure(self._folder, self.tsig_secret, self._zones[dns.name.root].ds())
        self._launch(roots)

    def kill(self) -> None:
        """End both servers, if they still run."""
        if self._runner is not None:
            process.end(process.cgroup(self.station.lab, "names"))
            self._runner.wait(10)
            self._runner = None

    # -- zones -------------------------------------------------------------------------------------------------------

    def zone(
        self,
        name: str,
        records: Iterable[str],
        *,
        signed: bool = False,
        bogus: bool = False,
        dynamic: bool = False,
    ) -> None:
        """Publish a zone, replacing what was there.

        `records` are lines of a zone file without TTL (60 s applies), relative to `name`; SOA and NS are added where
        they are missing. `signed` adds DNSSEC and a DS at the parent; `bogus` makes that DS wrong; `dynamic` lets the
        TSIG key of ``tsig`` update the zone.
        """
        with self._lock:
            self._declare(name, list(records), signed=signed or bogus, bogus=bogus, dynamic=dynamic)
            self._publish()

    def zones(self, zones: dict[str, Iterable[str]], *, signed: bool = False) -> None:
        """Publish several zones at once, which costs no more than one."""
        with self._lock:
            for name, records in zones.items():
                self._declare(name, list(records), signed=signed)
            self._publish()

    def remove(self, name: str) -> None:
        """Take a zone away: its names no longer exist."""
        with self._lock:
            del self._zones[dns.name.from_text(name)]
            self._publish()

    def reverse(self, names: dict[str, str]) -> None:
        """Point addresses at names: ``{"198.51.100.10": "mx1.example.org"}``; an empty name removes the PTR."""
        with self._lock:
            self._point(names)
            self._publish()

    def _point(self, names: dict[str, str]) -> None:
        for address, name in names.items():
            pointer = dns.name.from_text(ipaddress.ip_address(address).reverse_pointer)
            zone = self._enclosing(pointer)
            label = pointer.relativize(zone.name).to_text()
            zone.records = [r for r in zone.records if r.split()[0] != label]
            if name:
                zone.records.append(f"{label} PTR {name.rstrip('.')}.")

    def blocklist(
        self,
        name: str,
        listed: Iterable[str] = (),
        *,
        answer: str = "127.0.0.2",
        ttl: int = 60,
        flush: bool = True,
    ) -> None:
        """A blocklist zone with the test points of RFC 5782 section 5 and the `listed` addresses.

        Without `flush` the resolver goes on saying what it remembers, until ``resolver_forget`` or for `ttl` seconds.
        """
        records = []
        for address in ("127.0.0.2", "::ffff:7f00:2", *listed):
            pointer = dns.name.from_text(ipaddress.ip_address(address).reverse_pointer)
            label = dns.name.Name(pointer.labels[:-3]).to_text()
            records += [
                f"{label} {ttl} A {answer}",
                f'{label} {ttl} TXT "listed, see https://{name}/{address}"',
            ]
        with self._lock:
            self._declare(name, records)
            self._publish(flush=flush)

    def tsig(self) -> dict[str, str]:
        """Key for RFC 2136 updates of dynamic zones: server, name, algorithm and secret."""
        return {
            "server": AUTHORITATIVE[0],
            "name": TSIG_NAME,
            "algorithm": "hmac-sha256",
            "secret": self.tsig_secret,
        }

    def ask(
        self,
        name: str,
        kind: str,
        *,
        server: str = RESOLVERS[0],
        vantage: Station | None = None,
        timeout: float = 5,
    ) -> dns.message.Message:
        """One query with DO and AD set, by default to the resolver; answered within `timeout` seconds or dns.exception.Timeout."""
        query = dns.message.make_query(name, kind, want_dnssec=True)
        query.flags |= dns.flags.AD
        with (vantage or self.station).entered():
            answer, _ = dns.query.udp_with_fallback(query, server, timeout=timeout)
        return answer

    # -- the resolver ------------------------------------------------------------------------------------------------

    def resolver_down(self) -> None:
        """Kill the resolver; hosts that rely on it alone are blind now."""
        self._inside("pkill", "-KILL", "-x", "unbound", check=False)

    def resolver_up(self) -> None:
        """Start the resolver again."""
        self._inside("sh", "-c", "setsid unbound -d -c /etc/lab/unbound.conf >/dev/null 2>&1 &")
        self._await(lambda: self.ask(".", "SOA", timeout=0.3).rcode() == dns.rcode.NOERROR)

    def resolver_forget(self) -> None:
        """Empty the resolver's cache, as time would."""
        self._inside("unbound-control", "-c", "/etc/lab/unbound.conf", "reload")

    # -- inner parts -------------------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return self.state / "lab"

    def _declare(
        self,
        name: str,
        records: list[str],
        *,
        signed: bool = False,
        bogus: bool = False,
        dynamic: bool = False,
    ) -> None:
        full = dns.name.from_text(name)
        old = self._zones.get(full)
        zone = Zone(name=full, records=records, signed=signed, bogus=bogus, dynamic=dynamic)
        zone.parse(zone.content())  # a mistake is its author's, it must not stop the next zone
        if old is not None:
            zone.key, zone.serial = old.key, old.serial
        self._zones[full] = zone
        if full != dns.name.root and self._enclosing(full.parent()).name == dns.name.root and len(full) > 2:
            self._declare(dns.name.Name(full.labels[-2:]).to_text(), [], signed=True)

    def _enclosing(self, name: dns.name.Name) -> Zone:
        while name not in self._zones:
            name = name.parent()
        return self._zones[name]

    def _render(self) -> list[Zone]:
        """Write every zone whose content changed, children before their parents; the zones that were written."""
        delegations: dict[dns.name.Name, list[str]] = {name: [] for name in self._zones}
        changed = []
        for name in sorted(self._zones, key=len, reverse=True):
            zone = self._zones[name]
            content = zone.content(delegations[name])
            told = (content, zone.signed, zone.dynamic)
            if told != zone.served:
                zone.served, zone.serial = told, max(zone.serial + 1, int(time.time()))
                (self._folder / zone.file).write_text(zone.text(content), encoding="ascii")
                changed.append(zone)
            if name != dns.name.root:
                delegations[self._enclosing(name.parent()).name] += zone.delegation(content, self._folder)
        return changed

    def _launch(self, roots: list[Path]) -> None:
        inner = [
            "unshare",
            "-mp",
            "--fork",
            "--kill-child",
            "sh",
            str(_RUN),
            ":".join(map(str, roots)),
            str(self.state),
        ]
        enter = ["nsenter", f"--net=/run/netns/{self.station.namespace}", *inner]
        self._runner = runner = process.spawn(
            process.cgroup(self.station.lab, "names"), enter, self.state / "log"
        )
        self._await(lambda: process.only_child(runner) != 0)
        self._pid = process.only_child(runner)
        self._await(lambda: self.ask(".", "SOA", timeout=0.3).flags & dns.flags.AD != 0)

    def _publish(self, *, flush: bool = True) -> None:
        dynamic = [zone for zone in self._zones.values() if zone.dynamic and zone.serial]
        changed = self._render()
        for zone in changed:
            if zone in dynamic:
                self._inside("rndc", "-c", "/etc/lab/rndc.conf", "freeze", zone.name.to_text(), check=False)
            (self._folder / f"{zone.file}.jnl").unlink(missing_ok=True)
        list_zones(self._folder, self._zones.values())
        self._inside("rndc", "-c", "/etc/lab/rndc.conf", "reconfig")
        for zone in changed:
            self._inside(
                "rndc",
                "-c",
                "/etc/lab/rndc.conf",
                "thaw" if zone in dynamic else "reload",
                zone.name.to_text(),
                check=False,
            )
        for zone in changed:
            self._await(partial(self._serves, zone))
        if any(zone.dynamic and zone.signed and not self._ds_in_parent(zone) for zone in changed):
            self._publish(flush=flush)
            return
        if flush:
            self.resolver_forget()

    def _ds_in_parent(self, zone: Zone) -> bool:
        self._await(lambda: bool(zone.ds_of_bind(self._folder)))
        parent = self._enclosing(zone.name.parent())
        return f"{zone.name.to_text()} DS " in str(parent.served[0])

    def _serves(self, zone: Zone) -> bool:
        answer = self.ask(zone.name.to_text(), "SOA", server=AUTHORITATIVE[0], timeout=1)
        soa = answer.get_rrset(answer.answer, zone.name, dns.rdataclass.IN, dns.rdatatype.SOA)
        return soa is not None and int(soa[0].serial) >= zone.serial

    def _inside(self, *argv: str, check: bool = True) -> None:
        self._run_inside(argv, check=check)

    def _run_inside(self, argv: Sequence[str], *, check: bool) -> None:
        done = subprocess.run(
            ["nsenter", "-t", str(self._pid), "-m", "-p", "-n", "--wd", "--", *argv],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")

    def _await(self, true: Callable[[], bool], *, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if true():
                    return
            except (OSError, dns.exception.DNSException):
                pass
            if time.monotonic() > deadline or (self._runner is not None and self._runner.poll() is not None):
                log = (self.state / "log").read_text(encoding="utf-8", errors="replace")[-3000:]
                raise RuntimeError(f"the laboratory's name service does not answer as it should:\n{log}")
            time.sleep(0.02)
