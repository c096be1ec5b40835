"""Mail for security is accepted.

Whoever finds a hole, or a list of leaked passwords, writes to security@ first, and publishes instead where that bounces.
"""

from auditor.evidence.mx import MailExchangers, takes_no_mail
from auditor.evidence.role_addresses import RoleReplies, judge_mailbox
from auditor.model import Check, Domain, Family, PerHost, Playbook, Severity, Unavailable, Verdict


def judge(domain: Domain, mx: MailExchangers | Unavailable, roles: PerHost[RoleReplies]) -> Verdict:
    """RCPT at every host of the domain."""
    return takes_no_mail(mx) or judge_mailbox(roles.found, domain.name, "security")


CHECK = Check.of(
    judge,
    family=Family.ROLES,
    severity=Severity.LOW,
    remedy=Playbook("role-addresses"),
    runbook="contacts",
    references=(
        "RFC 2142 section 4",
        "RFC 9116",
    ),
)
