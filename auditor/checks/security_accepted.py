"""Mail for security is accepted.

The mailbox to which finders of holes and leaked passwords report. Where it bounces, they publish instead.
"""

from auditor.evidence.mx import MailExchangers
from auditor.evidence.role_addresses import RoleReplies, judge_mailbox
from auditor.model import (
    Check,
    Domain,
    Family,
    NotApplicable,
    PerHost,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
)


def judge(domain: Domain, mx: MailExchangers | Unavailable, roles: PerHost[RoleReplies]) -> Verdict:
    """RCPT at every host of the domain."""
    if isinstance(mx, MailExchangers) and mx.null:
        return NotApplicable("the domain says that it takes no mail (null MX)")
    return judge_mailbox(roles.found, domain.name, "security")


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
