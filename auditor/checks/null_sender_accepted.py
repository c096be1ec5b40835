"""Mail from the null sender is accepted.

Bounces, receipts and the checks of other servers come from <> (RFC 5321 section 4.5.5). A server that refuses them
never learns that its own mail was not delivered, and some receivers refuse or list hosts that do so.
"""

from auditor.evidence.mx import MailExchangers, takes_no_mail
from auditor.evidence.role_addresses import RoleReplies, mailbox_tally
from auditor.model import (
    ByHand,
    Check,
    Domain,
    Failed,
    Family,
    NotApplicable,
    Passed,
    PerHost,
    Severity,
    Unavailable,
    Verdict,
    weigh,
)


def judge(domain: Domain, mx: MailExchangers | Unavailable, roles: PerHost[RoleReplies]) -> Verdict:
    """The same recipient from <> and from an ordinary sender: only the difference tells."""
    if silent := takes_no_mail(mx):
        return silent
    null = mailbox_tally(roles.found, domain.name, "postmaster", null_sender=True)
    ordinary = mailbox_tally(roles.found, domain.name, "postmaster", null_sender=False)
    if null.refused and ordinary.refused:
        return NotApplicable(
            "postmaster is refused from every sender, which says nothing about the null sender"
        )
    return weigh(
        Failed(f"mail from <> is refused: {null.refused[0]['reply']}", null.refused)
        if null.refused and ordinary.accepted
        else None,
        (*null.unseen, *(ordinary.unseen if null.refused else ())),
        Passed("mail from <> is accepted"),
    )


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Find the rule that refuses MAIL FROM:<> (sender checks, a filter, a policy service) and exempt the null "
        "sender: bounces and delivery reports come from it (RFC 5321 section 4.5.5)."
    ),
    runbook="silent-failure",
    references=("RFC 5321 section 4.5.5", "RFC 5321 section 6.1"),
)
