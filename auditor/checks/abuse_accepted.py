"""Mail for abuse is accepted.

Complaints about spam go to abuse@ of the organisation's domain, and so do the warnings before a provider blocks a
server. An open relay whose abuse@ bounces is cut off without ever having been told why. RFC 2142 asks for it at
the organisation's own domain only, so that a subdomain need not have one.
"""

from auditor.evidence.mx import MailExchangers, takes_no_mail
from auditor.evidence.organisation import OrganisationalDomain
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


def judge(
    domain: Domain,
    organisation: OrganisationalDomain,
    mx: MailExchangers | Unavailable,
    roles: PerHost[RoleReplies],
) -> Verdict:
    """RCPT at every host of the domain."""
    if silent := takes_no_mail(mx):
        return silent
    if organisation.name != domain.name:
        return NotApplicable(f"complaints go to the organisation's domain, {organisation.name}")
    return judge_mailbox(roles.found, domain.name, "abuse")


CHECK = Check.of(
    judge,
    family=Family.ROLES,
    severity=Severity.HIGH,
    remedy=Playbook("role-addresses"),
    runbook="contacts",
    references=("RFC 2142 section 4", "RFC 2142 section 2"),
)
