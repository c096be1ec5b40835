"""Where the scan looks from, as the target sees it."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """Who we are to this host. A relay test from a trusted place would only show that trust."""

    ours: tuple[str, ...]
    """Our addresses on connections to the host, and those it says it sees."""
    trusted_because: str | None = None
    """Why the host may trust us; None when it has no reason to."""


def why_trusted(ours: tuple[str, ...], targets: tuple[str, ...], networks: tuple[str, ...]) -> str | None:
    """The reason to distrust a relay test from here: we are the host itself, or in a network that it trusts.

    OpenSMTPD's "from local" and Sendmail's class w cover every address of the host, measured.
    """
    for own in ours:
        if own in targets or ip_address(own).is_loopback:
            return f"{own} is an address of the target itself"
        for network in networks:
            if _within(own, network):
                return f"{own} is in {network}, which the target trusts"
    return None


def intended(declared: tuple[str, ...], configured: tuple[str, ...]) -> tuple[str, ...]:
    """The networks whose trust is meant, so that a relay test from them would be no finding.

    What the inventory declares is meant. Where it declares nothing, the host's own configuration is
    believed, but for networks wider than any one operator's (shorter than /8, for IPv6 than /19): trust
    in those is the hole itself (Postfix mynetworks=0.0.0.0/0, Exim dc_relay_nets='0.0.0.0/0').
    """
    return declared or tuple(network for network in configured if not _is_the_world(network))


def _is_the_world(network: str) -> bool:
    try:
        parsed = ip_network(network.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return network == "*"
    return parsed.prefixlen < (8 if parsed.version == 4 else 19)


def _within(address: str, network: str) -> bool:
    try:
        return ip_address(address) in ip_network(network.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False  # a table name or a host name; what it stands for is not known here
