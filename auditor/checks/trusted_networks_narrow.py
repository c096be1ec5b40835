"""Only loopback and declared networks may relay without a login.

Every address in such a network is an open relay's user: one infected machine, one guest, one neighbour at the hoster is
enough. Fine are loopback, the host's own addresses and what the inventory lists in mail_trusted_networks.
"""

import ipaddress

from auditor.evidence.mta import TrustedNetworks, too_wide
from auditor.model import (
    Check,
    Failed,
    Family,
    Host,
    Inconclusive,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
)


def judge(trusted: TrustedNetworks, host: Host) -> Verdict:
    """Critical where an address of the internet is in it, high where it is a private network that was not declared."""
    wide = tuple(
        too_wide(trusted.networks, allowed=host.declared.trusted_networks, own=trusted.own_addresses)
    )
    if wide:
        public = any(not ipaddress.ip_network(network).is_private for network in wide)
        return Failed(
            "relays without a login for " + ", ".join(wide[:5]),
            tuple({"network": network, "program": trusted.mta.value} for network in wide),
            severity=Severity.CRITICAL if public else Severity.HIGH,
        )
    if trusted.unreadable:
        rows = tuple({"entry": entry} for entry in trusted.unreadable)
        return Inconclusive("tables or names decide who else is trusted", Reason.UNSUPPORTED, rows)
    return Passed("only loopback, the host itself and declared networks are trusted")


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.CRITICAL,
    remedy=Playbook("close-relay"),
    runbook="open-relay",
    references=("RFC 2505 2.1", "postconf(5), mynetworks"),
)
