"""The zone that a domain lives in: its name servers, its validation, and the names that mail hangs on."""

from dataclasses import dataclass
from enum import StrEnum

from auditor.evidence.dns import HostAddresses
from auditor.model import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class NameServer:
    """One NS target."""

    name: str
    addresses: HostAddresses | None = None
    unknown: Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameServers:
    """The NS record set of the zone that holds the domain."""

    zone: str
    servers: tuple[NameServer, ...] = ()


class Trust(StrEnum):
    """What a validating resolver says about a name (RFC 4035 section 4.3)."""

    SECURE = "secure"
    INSECURE = "insecure"
    BOGUS = "bogus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """One name that mail to the domain depends on."""

    name: str
    kind: str
    trust: Trust | None = None
    unknown: Unavailable | None = None
    """Set exactly when trust is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneValidation:
    """The domain, and every MX host."""

    signed: bool
    """A DS record stands at the parent."""
    names: tuple[Validated, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailName:
    """A name that some record of the domain points at."""

    name: str
    why: str
    """"MX", "include in SPF of example.org", "CNAME of mta-sts.example.org" …"""
    missing: str = ""
    """The highest name above it that does not exist; "" when it exists."""
    unknown: Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailNames:
    """Every name that the domain's mail depends on."""

    names: tuple[MailName, ...] = ()
