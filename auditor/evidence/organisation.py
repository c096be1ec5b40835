"""Who a domain belongs to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationalDomain:
    """The domain as registered: one label below a public suffix (RFC 2142 asks for abuse@ there alone)."""

    name: str
