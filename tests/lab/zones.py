"""Zones as text: what a zone says, its signatures, and what its parent says of it.

Static zones are signed here, by dnspython, so that a test can make one bogus.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

AUTHORITATIVE: Final = ("192.0.2.53", "203.0.113.53")
AUTHORITATIVE_V6: Final = ("2001:db8:2::53", "2001:db8:203::53")
SERVERS: Final = ("ns1.dns.example.", "ns2.dns.example.")
_WITH_GLUE: Final = (dns.name.root, dns.name.from_text("example"))
_DAY: Final = 86400


def txt(text: str) -> str:
    """`text` as the character strings of a TXT record, each of 255 octets at most."""
    return " ".join(f'"{text[begin : begin + 255]}"' for begin in range(0, len(text), 255))


@dataclass(kw_only=True)
class Zone:
    """One zone. `records` are lines of a zone file; `served` is what was written last, with `serial`.

    A `dynamic` zone takes updates and is signed by BIND, any other `signed` one here; `bogus` spoils its DS.
    """

    name: dns.name.Name
    records: list[str]
    signed: bool = False
    bogus: bool = False
    dynamic: bool = False
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)
    served: tuple[object, ...] = ()
    serial: int = 0

    @property
    def file(self) -> str:
        """Name of the zone file."""
        return "root.zone" if self.name == dns.name.root else f"{self.name.to_text(omit_final_dot=True)}.zone"

    def content(self, delegations: Sequence[str] = ()) -> str:
        """The zone without its SOA; NS and the laboratory's glue are added where they belong."""
        lines = [*self.records, *delegations]
        if not any(line.split()[:2] == ["@", "NS"] for line in self.records):
            lines += [f"@ NS {server}" for server in SERVERS]
        if self.name in _WITH_GLUE:
            for server, v4, v6 in zip(SERVERS, AUTHORITATIVE, AUTHORITATIVE_V6, strict=True):
                lines += [f"{server} A {v4}", f"{server} AAAA {v6}"]
        return "\n".join(sorted(lines))

    def parse(self, content: str) -> dns.zone.Zone:
        """`content` with a SOA, parsed; dns.exception.DNSException says what is wrong with it."""
        soa = f"@ SOA {SERVERS[0]} hostmaster.dns.example. {self.serial} 3600 900 604800 60"
        return dns.zone.from_text(f"$TTL 60\n{soa}\n{content}\n", origin=self.name, relativize=False)

    def text(self, content: str) -> str:
        """The zone file, signed for a month if that is our part."""
        parsed = self.parse(content)
        if self.signed and not self.dynamic:
            now = int(time.time())
            keys = [(self.key, self._dnskey())]
            dns.dnssec.sign_zone(parsed, keys=keys, inception=now - _DAY, expiration=now + 30 * _DAY)
        text: str = parsed.to_text()
        return text

    def delegation(self, content: str, folder: Path) -> list[str]:
        """What the parent says: NS, glue and DS. BIND's keys of a dynamic zone are in `folder`."""
        parsed = self.parse(content)
        servers = [rdata.target for rdata in parsed.find_rdataset(self.name, "NS")]
        lines = [f"{self.name} NS {server}" for server in servers]
        for server in servers:
            for kind in ("A", "AAAA") if server.is_subdomain(self.name) else ():
                lines += [f"{server} {kind} {glue}" for glue in parsed.get_rdataset(server, kind) or ()]
        if self.signed:
            secure = self.ds_of_bind(folder) if self.dynamic else [self.ds()]
            lines += [f"{self.name} DS {ds}" for ds in secure]
        return lines

    def ds(self) -> str:
        """The DS of our own key, with its last bit flipped when the zone is to be bogus."""
        ds: str = dns.dnssec.make_ds(self.name, self._dnskey(), "SHA256").to_text()
        return f"{ds[:-2]}{int(ds[-2:], 16) ^ 1:02x}" if self.bogus else ds

    def ds_of_bind(self, folder: Path) -> list[str]:
        """DS of each key that BIND made for this zone, none before it has."""
        texts = [file.read_text(encoding="ascii") for file in folder.glob(f"K{self.name}+*.key")]
        keys = [
            dns.zone.from_text(text, origin=self.name, relativize=False, check_origin=False) for text in texts
        ]
        rdatas = [rdata for key in keys for rdata in key.find_rdataset(self.name, "DNSKEY")]
        return [dns.dnssec.make_ds(self.name, rdata, "SHA256").to_text() for rdata in rdatas]

    def _dnskey(self) -> Any:
        return dns.dnssec.make_dnskey(
            self.key.public_key(), dns.dnssectypes.Algorithm.ECDSAP256SHA256, flags=257
        )
