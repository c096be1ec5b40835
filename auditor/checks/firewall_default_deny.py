"""The packet filter drops what no rule allows.

A service that is started by mistake is then not at once on the internet, and isolating the host is a change of one rule.
"""

from auditor.evidence.system import Firewall
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict


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
    remedy=Playbook("firewall"),
    runbook="host-compromise",
    references=("nft(8)",),
)
