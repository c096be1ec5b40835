"""A backup MX takes the domain's mail.

While the first host is away, senders hand over to the hosts behind it. One that refuses them ("relay access denied", because
the domain was never entered there) turns a delay into bounces: worse than no backup at all, and nobody notices until the
outage (incidents 001 and 003). Asked with RCPT for postmaster at every MX host that is not of the best preference, and
at those that mail_backup_mx names. That it also keeps the mail for days and gives it back is shown by a rehearsal alone.
"""

from auditor.evidence.backup_mx import BackupReplies, backup_hosts
from auditor.evidence.mx import MailExchangers
from auditor.model import (
    ByHand,
    Check,
    Domain,
    Failed,
    Family,
    NotApplicable,
    Observation,
    Passed,
    Reason,
    Severity,
    Unavailable,
    Verdict,
    weigh,
)


def judge(domain: Domain, mx: MailExchangers, backups: BackupReplies) -> Verdict:
    """Every backup that the zone or the inventory names."""
    promised = tuple(name.lower().rstrip(".") for name in domain.declared.backup_mx)
    names = {host.name for host in mx.exchangers}
    bad: list[Observation] = [
        {"host": name, "reply": "no MX record names it"} for name in promised if name not in names
    ]
    unseen = []
    for one in backups.replies:
        match one.takes:
            case True:
                continue
            case Unavailable(Reason.REFUSED) | False:
                bad.append({"host": one.host, "reply": one.words})
            case Unavailable() as blind:
                unseen.append(blind)
    if not promised and not backup_hosts(mx):
        return NotApplicable("no MX host stands behind another, and mail_backup_mx names none")
    return weigh(
        Failed(f"{bad[0]['host']} is no backup: {bad[0]['reply']}", tuple(bad)) if bad else None,
        unseen,
        Passed(f"{', '.join(backup_hosts(mx)) or promised[0]}: mail for {domain.name} is taken"),
    )


CHECK = Check.of(
    judge,
    family=Family.CONTINUITY,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "On the backup host enter the domain as one to relay for, with its valid recipients (Postfix: relay_domains and "
        "relay_recipient_maps; Exim: dc_relay_domains; Sendmail: access map `To:DOMAIN RELAY`; OpenSMTPD: `match from any "
        'for domain DOMAIN action "backup"` with `action "backup" relay backup`), or take it out of the MX records. '
        "Then rehearse: stop the primary, send a message, see it in the backup's queue, start the primary, see it arrive."
    ),
    runbook="provider-outage",
    references=("RFC 5321 section 5.1", "RFC 5321 section 4.5.4.1"),
)
