"""Mail for hostmaster is accepted.

The mailbox for questions about the zone, and by convention the one that the SOA record names. Registries and
certificate authorities write to it; a refusal is noticed when a domain is about to be lost.
"""

from auditor.evidence.mx import MailExchangers, takes_no_mail
from auditor.evidence.role_addresses import RoleReplies, judge_mailbox
from auditor.model import Check, Domain, Family, PerHost, Playbook, Severity, Unavailable, Verdict


def judge(domain: Domain, mx: MailExchangers | Unavailable, roles: PerHost[RoleReplies]) -> Verdict:
    """RCPT at every host of the domain."""
    return takes_no_mail(mx) or judge_mailbox(roles.found, domain.name, "hostmaster")


CHECK = Check.of(
    judge,
    family=Family.ROLES,
    severity=Severity.MEDIUM,
    remedy=Playbook("role-addresses"),
    runbook="contacts",
    references=(
        "RFC 2142 section 7",
        "RFC 1912 section 2.2",
    ),
)
