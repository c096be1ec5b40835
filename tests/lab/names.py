"""The laboratory's own name service: signed root, top-level domains, any zone a test asks for, a validating resolver.

BIND is authoritative for everything on 192.0.2.53 and 203.0.113.53; Unbound resolves and validates on 192.0.2.10
and 192.0.2.11 from the laboratory's own trust anchor. Static zones are signed here, by dnspython, so that a test can
make a zone bogus; a zone that takes RFC 2136 updates is signed by BIND.
"""

import base64
import ipaddress
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import process
from tests.lab.net import RESOLVERS, Router, Station

_RUN: Final = Path(__file__).with_name("names.sh")
AUTHORITATIVE: Final = ("192.0.2.53", "203.0.113.53")
AUTHORITATIVE_V6: Final = ("2001:db8:2::53", "2001:db8:203::53")
RESOLVERS_V6: Final = ("2001:db8:2::10", "2001:db8:2::11")
TSIG_NAME: Final = "lab-update"
_NS: Final = ("ns1.dns.example.", "ns2.dns.example.")
_NETWORKS: Final = (
    "100.51.198.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
)

_NAMED: Final = """
options {{
    directory "/etc/lab"; pid-file "/run/named/named.pid"; session-keyfile "/run/named/session.key";
    listen-on {{ {v4} }}; listen-on-v6 {{ {v6} }};
    recursion no; dnssec-validation no; empty-zones-enable no; notify no; allow-transfer {{ none; }};
}};
key "{tsig}" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
controls {{ inet 127.0.0.1 port 953 allow {{ 127.0.0.1; }} keys {{ "rndc"; }}; }};
dnssec-policy "lab" {{ keys {{ csk lifetime unlimited algorithm ecdsap256sha256; }}; }};
include "/etc/lab/zones.conf";
"""
_RNDC: Final = """
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
options {{ default-key "rndc"; default-server 127.0.0.1; }};
"""
_UNBOUND: Final = """
server:
    {interfaces}
    access-control: 0.0.0.0/0 allow
    access-control: ::0/0 allow
    do-daemonize: no
    chroot: ""
    username: ""
    pidfile: "/run/unbound.pid"
    use-syslog: no
    verbosity: 1
    num-threads: 1
    module-config: "validator iterator"
    root-hints: "/etc/lab/root.hints"
    trust-anchor-file: "/etc/lab/root.ds"
    unblock-lan-zones: yes
    local-zone: "test." nodefault
    local-zone: "onion." nodefault
    target-fetch-policy: "0 0 0 0 0"
    val-bogus-ttl: 0
    cache-max-negative-ttl: 1
remote-control:
    control-enable: yes
    control-interface: "/run/unbound.ctl"
    control-use-cert: no
"""


def txt(text: str) -> str:
    """`text` as the character strings of a TXT record, each of 255 octets at most."""
    return " ".join(f'"{text[begin : begin + 255]}"' for begin in range(0, len(text), 255))


@dataclass(kw_only=True)
class _Zone:
    name: dns.name.Name
    records: list[str]
    signed: bool = False
    bogus: bool = False
    dynamic: bool = False
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    served: str = ""
    serial: int = 0

    @property
    def file(self) -> str:
        return "root.zone" if self.name == dns.name.root else f"{self.name.to_text(omit_final_dot=True)}.zone"


@dataclass(kw_only=True)
class NameService:
    """Authoritative server and resolver. Made by the laboratory as ``lab.names``."""

    station: Station
    state: Path
    tsig_secret: str = field(
        default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode(), repr=False
    )
    _zones: dict[dns.name.Name, _Zone] = field(default_factory=dict, repr=False)
    _runner: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _pid: int = 0

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
        self._configure()
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
        self._declare(name, list(records), signed=signed or bogus, bogus=bogus, dynamic=dynamic)
        self._publish()

    def zones(self, zones: dict[str, Iterable[str]], *, signed: bool = False) -> None:
        """Publish several zones at once, which costs no more than one."""
        for name, records in zones.items():
            self._declare(name, list(records), signed=signed)
        self._publish()

    def remove(self, name: str) -> None:
        """Take a zone away: its names no longer exist."""
        del self._zones[dns.name.from_text(name)]
        self._publish()

    def reverse(self, names: dict[str, str]) -> None:
        """Point addresses at names: ``{"198.51.100.10": "mx1.example.org"}``; an empty name removes the PTR."""
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

    def blocklist(self, name: str, listed: Iterable[str] = (), *, answer: str = "127.0.0.2") -> None:
        """A blocklist zone with the test points of RFC 5782 section 5 and the `listed` addresses."""
        records = []
        for address in ("127.0.0.2", "::ffff:7f00:2", *listed):
            pointer = dns.name.from_text(ipaddress.ip_address(address).reverse_pointer)
            label = dns.name.Name(pointer.labels[:-3]).to_text()
            records += [f"{label} A {answer}", f'{label} TXT "listed, see https://{name}/{address}"']
        self.zone(name, records)

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

    # -- inner parts -------------------------------------------------------------------------------------------------

    def _declare(self, name: str, records: list[str], **how: bool) -> None:
        full = dns.name.from_text(name)
        old = self._zones.get(full)
        zone = _Zone(name=full, records=records, **how)
        self._parse(
            zone, self._content(zone, [])
        )  # a mistake is its author's, it must not stop the next zone
        if old is not None:
            zone.key, zone.serial = old.key, old.serial
        self._zones[full] = zone
        if full != dns.name.root and self._enclosing(full.parent()).name == dns.name.root and len(full) > 2:
            self._declare(dns.name.Name(full.labels[-2:]).to_text(), [], signed=True)

    def _enclosing(self, name: dns.name.Name) -> _Zone:
        while name not in self._zones:
            name = name.parent()
        return self._zones[name]

    def _render(self) -> list[_Zone]:
        """Write every zone whose content changed, children before their parents; the zones that were written."""
        delegations: dict[dns.name.Name, list[str]] = {name: [] for name in self._zones}
        changed = []
        for name in sorted(self._zones, key=len, reverse=True):
            zone = self._zones[name]
            content = self._content(zone, delegations[name])
            told = json.dumps([content, zone.signed, zone.dynamic])
            if told != zone.served:
                zone.served, zone.serial = told, max(zone.serial + 1, int(time.time()))
                self._write(zone, content)
                changed.append(zone)
            if name != dns.name.root:
                delegations[self._enclosing(name.parent()).name] += self._delegation(zone, content)
        return changed

    def _content(self, zone: _Zone, delegations: list[str]) -> str:
        lines = list(zone.records)
        if not any(line.split()[:2] == ["@", "NS"] for line in lines):
            lines += [f"@ NS {server}" for server in _NS]
        if zone.name in (dns.name.root, dns.name.from_text("example")):
            lines += [
                f"{s} A {a}\n{s} AAAA {b}"
                for s, a, b in zip(_NS, AUTHORITATIVE, AUTHORITATIVE_V6, strict=True)
            ]
        return "\n".join(sorted(lines + delegations))

    def _delegation(self, zone: _Zone, content: str) -> list[str]:
        parsed = self._parse(zone, content)
        name = zone.name.to_text()
        servers = [rdata.target for rdata in parsed.get_rdataset(zone.name, "NS")]
        lines = [f"{name} NS {server}" for server in servers]
        for server in servers:
            if server.is_subdomain(zone.name):
                for kind in ("A", "AAAA"):
                    lines += [f"{server} {kind} {glue}" for glue in parsed.get_rdataset(server, kind) or ()]
        if zone.signed and not zone.dynamic:
            lines.append(f"{name} DS {self._ds(zone)}")
        if zone.signed and zone.dynamic and zone.serial:
            lines += [f"{name} DS {ds}" for ds in self._ds_of_bind(zone)]
        return lines

    def _parse(self, zone: _Zone, content: str) -> dns.zone.Zone:
        soa = f"@ SOA {_NS[0]} hostmaster.dns.example. {zone.serial} 3600 900 604800 60"
        return dns.zone.from_text(f"$TTL 60\n{soa}\n{content}\n", origin=zone.name, relativize=False)

    def _write(self, zone: _Zone, content: str) -> None:
        parsed = self._parse(zone, content)
        if zone.signed and not zone.dynamic:
            now = int(time.time())
            dns.dnssec.sign_zone(
                parsed,
                keys=[(zone.key, self._dnskey(zone))],
                inception=now - 86400,
                expiration=now + 30 * 86400,
            )
        (self.state / "lab" / zone.file).write_text(parsed.to_text(), encoding="ascii")

    def _dnskey(self, zone: _Zone) -> Any:
        return dns.dnssec.make_dnskey(zone.key.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)

    def _ds(self, zone: _Zone) -> str:
        ds: str = dns.dnssec.make_ds(zone.name, self._dnskey(zone), "SHA256").to_text()
        return f"{ds[:-2]}{int(ds[-2:], 16) ^ 1:02x}" if zone.bogus else ds

    def _ds_of_bind(self, zone: _Zone) -> list[str]:
        files = (self.state / "lab").glob(f"K{zone.name.to_text()}+*.key")
        keys = [
            dns.zone.from_text(
                f.read_text(encoding="ascii"), origin=zone.name, relativize=False, check_origin=False
            )
            for f in files
        ]
        rdatas = [rdata for z in keys for rdata in z.get_rdataset(zone.name, "DNSKEY")]
        return [dns.dnssec.make_ds(zone.name, rdata, "SHA256").to_text() for rdata in rdatas]

    def _configure(self) -> None:
        lab = self.state / "lab"
        secret = self.tsig_secret
        v4, v6 = (" ".join(f"{a};" for a in pair) for pair in (AUTHORITATIVE, AUTHORITATIVE_V6))
        (lab / "named.conf").write_text(
            _NAMED.format(v4=v4, v6=v6, tsig=TSIG_NAME, secret=secret), encoding="ascii"
        )
        (lab / "rndc.conf").write_text(_RNDC.format(secret=secret), encoding="ascii")
        interfaces = "\n    ".join(f"interface: {a}" for a in (*RESOLVERS, *RESOLVERS_V6))
        (lab / "unbound.conf").write_text(_UNBOUND.format(interfaces=interfaces), encoding="ascii")
        hints = [f". 3600 NS {s}\n{s} 3600 A {a}\n" for s, a in zip(_NS, AUTHORITATIVE, strict=True)]
        (lab / "root.hints").write_text("".join(hints), encoding="ascii")
        root = self._zones[dns.name.root]
        (lab / "root.ds").write_text(f". 3600 IN DS {self._ds(root)}\n", encoding="ascii")
        self._list_zones()

    def _list_zones(self) -> None:
        lines = []
        for zone in self._zones.values():
            update = f' allow-update {{ key "{TSIG_NAME}"; }};' if zone.dynamic else ""
            policy = ' dnssec-policy "lab";' if zone.dynamic and zone.signed else ""
            lines.append(f'zone "{zone.name}" {{ type primary; file "{zone.file}";{update}{policy} }};\n')
        (self.state / "lab" / "zones.conf").write_text("".join(lines), encoding="ascii")

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

    def _publish(self) -> None:
        dynamic = [zone for zone in self._zones.values() if zone.dynamic and zone.serial]
        changed = self._render()
        for zone in changed:
            if zone in dynamic:
                self._inside("rndc", "-c", "/etc/lab/rndc.conf", "freeze", zone.name.to_text(), check=False)
            (self.state / "lab" / f"{zone.file}.jnl").unlink(missing_ok=True)
        self._list_zones()
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
            self._await(lambda zone=zone: self._served_serial(zone) >= zone.serial)
        if any(zone.dynamic and zone.signed and not self._ds_in_parent(zone) for zone in changed):
            self._publish()
            return
        self._inside("unbound-control", "-c", "/etc/lab/unbound.conf", "reload")

    def _ds_in_parent(self, zone: _Zone) -> bool:
        self._await(lambda: bool(self._ds_of_bind(zone)))
        parent = self._enclosing(zone.name.parent())
        return f"{zone.name.to_text()} DS " in json.loads(parent.served)[0]

    def _served_serial(self, zone: _Zone) -> int:
        answer = self.ask(zone.name.to_text(), "SOA", server=AUTHORITATIVE[0], timeout=1)
        soa = answer.get_rrset(answer.answer, zone.name, dns.rdataclass.IN, dns.rdatatype.SOA)
        return int(soa[0].serial) if soa else 0

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
