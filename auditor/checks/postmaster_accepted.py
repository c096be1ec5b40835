"""Mail for postmaster is accepted.

The one mailbox that every server must have, for every domain that it serves (RFC 5321 section 4.5.1): other
postmasters report loops, floods and misdirected mail to it, and bounces of one's own queue end there.
<Postmaster> without any domain must be taken too, in any case of letters.
"""

from auditor.evidence.mx import MailExchangers, takes_no_mail
from auditor.evidence.role_addresses import RoleReplies, judge_mailbox, mailbox_tally
from auditor.model import (
    Check,
    Domain,
    Failed,
    Family,
    Passed,
    PerHost,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
)


def judge(domain: Domain, mx: MailExchangers | Unavailable, roles: PerHost[RoleReplies]) -> Verdict:
    """RCPT at every host of the domain; that only the bare form is refused is a small fault."""
    if silent := takes_no_mail(mx):
        return silent
    verdict = judge_mailbox(roles.found, domain.name, "postmaster")
    bare = mailbox_tally(roles.found, "", "postmaster", null_sender=False)
    if isinstance(verdict, Passed) and bare.refused:
        return Failed(
            f"<Postmaster> without a domain is refused: {bare.refused[0]['reply']}",
            bare.refused,
            severity=Severity.LOW,
        )
    return verdict


CHECK = Check.of(
    judge,
    family=Family.ROLES,
    severity=Severity.HIGH,
    remedy=Playbook("role-addresses"),
    runbook="contacts",
    references=("RFC 5321 section 4.5.1", "RFC 2142 section 5"),
)
