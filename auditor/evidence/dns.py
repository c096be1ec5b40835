"""What the DNS says."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network


class Existence(StrEnum):
    """Absence that was proven is evidence, and NODATA is not NXDOMAIN (RFC 2308 section 2)."""

    FOUND = "found"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer. Records in presentation form; TXT with its strings joined (RFC 7208 section 3.3)."""

    name: str
    """As asked, lower case, without the last dot."""
    kind: str
    existence: Existence
    records: tuple[str, ...] = ()
    omitted: int = 0
    """Records beyond those kept: a hostile zone may hold thousands."""
    canonical: str = ""
    """End of the CNAME chain, without the last dot; equal to name where there is none."""
    ttl: int = 0
    """Seconds, the shortest of the record set and the CNAMEs before it; 0 where there is none."""
    secure: bool = False
    """The validating resolver set AD (RFC 4035 section 3.2.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAddresses:
    """Addresses of one host. Both empty means: it was proven that the name has none."""

    v4: tuple[str, ...] = ()
    v6: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[str, ...]:
        """IPv4 first, then IPv6."""
        return (*self.v4, *self.v6)


_DOCUMENTATION = tuple(
    ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)


def is_address(text: str) -> bool:
    """An IPv4 or IPv6 address as people write it."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def not_public(address: str) -> bool:
    """Private, loopback, link-local, reserved. Documentation ranges count as public: they play the internet."""
    ip = ip_address(address)
    return not ip.is_global and not any(ip in network for network in _DOCUMENTATION)
