"""Mail for mailboxes that do not exist is refused at once.

A server that accepts any recipient and finds out later has to send a bounce, mostly to a forged sender: it
becomes a source of backscatter and is listed for that, or it loses misspelt mail in silence. Two recipients that
cannot exist are asked for; a domain that accepts both is a catch-all, on purpose or not.
"""

from auditor.evidence.mx import MailExchangers, takes_no_mail
from auditor.evidence.role_addresses import RoleReplies, mailbox_tally
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
    weigh,
)


def judge(domain: Domain, mx: MailExchangers | Unavailable, roles: PerHost[RoleReplies]) -> Verdict:
    """The controls of the role probe are the question here."""
    if silent := takes_no_mail(mx):
        return silent
    seen = mailbox_tally(roles.found, domain.name, "random", null_sender=False)
    return weigh(
        Failed(
            f"mail for mailboxes that cannot exist in {domain.name} is accepted",
            ({"domain": domain.name, "accepted": seen.accepted},),
        )
        if seen.accepted
        else None,
        seen.unseen,
        Passed("mail for unknown mailboxes is refused", seen.refused),
    )


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.MEDIUM,
    remedy=Playbook("smtp-hygiene"),
    runbook="outbound-spam",
    references=("RFC 5321 section 3.4", "RFC 5321 section 6.2"),
)
