"""Names that the addresses of a host lead back to."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from auditor.model import Unavailable

_GENERIC = re.compile(
    r"(\d{1,3}[-.]){3}\d{1,3}|\b(dyn|dynamic|dsl|adsl|pool|dhcp|cust|customer|dialup|broadband)\d*\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse:
    """One address and its PTR records."""

    address: str
    names: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    """Names that lead to the address again."""
    unknown: Unavailable | None = None

    @property
    def generic(self) -> bool:
        """Every confirmed name looks like a provider's numbering, not like a mail host."""
        return bool(self.confirmed) and all(_GENERIC.search(name) for name in self.confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseNames:
    """Every address of a host."""

    addresses: tuple[Reverse, ...] = ()


def reverse_name(address: str) -> str:
    """192.0.2.1 -> 1.2.0.192.in-addr.arpa; IPv6 by nibbles (RFC 3596 section 2.5)."""
    return ip_address(address).reverse_pointer
