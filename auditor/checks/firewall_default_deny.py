"""The packet filter drops what no rule allows.

A service that is started by mistake is then not at once on the internet, and isolating the host is a change of one rule.
"""

from auditor.evidence.system import Firewall
from auditor.model import ByHand, Check, Failed, Family, Passed, Severity, Verdict


def judge(firewall: Firewall) -> Verdict:
    """At the input hook, for IPv4 and for IPv6."""
    rows = tuple({"family": family, "policy": policy} for family, policy in firewall.input_policies)
    closed = {family for family, policy in firewall.input_policies if policy == "drop"}
    if "inet" in closed or {"ip", "ip6"} <= closed:
        return Passed("what no rule allows is dropped", rows)
    if not firewall.input_policies:
        return Failed("no packet filter guards incoming connections", rows)
    return Failed("the packet filter lets in what no rule names", rows)


CHECK = Check.of(
    judge,
    family=Family.HOST,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Let in what listens on purpose (25, 465, 587, 993, 22 from your own networks), then refuse the rest: an nftables "
        "table of yours with policy drop on input, loaded by /etc/nftables.conf. Check it with nft -c -f first, and keep a "
        "second login open until a new one works."
    ),
    runbook="host-compromise",
    references=("nft(8)",),
)
