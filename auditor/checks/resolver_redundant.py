"""One dead name server does not stop the mail.

Without name service nothing is delivered, and with most settings nothing is accepted. Two servers, or one of one's own
on the host, which asks the roots itself.
"""

from auditor.evidence.resolvers import ResolverSettings
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict


def judge(resolvers: ResolverSettings) -> Verdict:
    """Two different name servers in resolv.conf, or a local one."""
    servers = tuple(dict.fromkeys(resolvers.nameservers))
    rows = tuple({"nameserver": server} for server in servers)
    if len(servers) >= 2:
        return Passed(f"{len(servers)} name servers", rows)
    if servers and (servers[0].startswith("127.") or servers[0] == "::1"):
        return Passed("the host asks its own name server", rows)
    return Failed("one name server only" if servers else "no name server is configured", rows)


CHECK = Check.of(
    judge,
    family=Family.HOST,
    severity=Severity.HIGH,
    remedy=Playbook("resolver"),
    runbook="name-resolution",
    references=("resolv.conf(5)",),
)
