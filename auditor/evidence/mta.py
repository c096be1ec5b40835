"""What the mail program's own configuration says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedNetworks:
    """Who may relay without a password."""

    networks: tuple[str, ...]
    """CIDR blocks and single addresses, as configured and with the defaults filled in."""
    own_addresses: tuple[str, ...]
    """Every address of the host's interfaces."""
