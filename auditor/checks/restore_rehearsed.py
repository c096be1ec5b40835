"""Somebody restored from the backup within the last year.

What nobody has tried is found out in the night of the loss: the key of the backup is on the disk that is gone, mailboxes are
there but their index is not, and the whole takes four days (incidents 000 and 001). No program notes a rehearsal by itself: touch
`/var/lib/auditor/restore-rehearsed`, or write the day into mail_backup.

The playbook `backup` restores beside the original every month, compares, and touches it. What that cannot show, a person has to, once a
year on a spare machine, with nothing but the backup and what is kept off the platform: restore one mailbox, /etc and the keys, start
the mail program, read a restored message by IMAP, and write down how long it took.
"""

from datetime import UTC, datetime

from auditor.evidence.backups import Backups, declared_day
from auditor.model import (
    Check,
    Failed,
    Family,
    Host,
    Inconclusive,
    Moment,
    NotApplicable,
    Observation,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
)

LONGEST = 366
"""Days."""


def judge(backups: Backups, host: Host, moment: Moment) -> Verdict:
    """The later of the two notes."""
    if "null-client" in host.declared.roles:
        return NotApplicable("a null client keeps no mail")
    days = [] if backups.restored is None else [datetime.fromtimestamp(backups.restored, UTC).date()]
    said = declared_day(host.declared, "restored")
    days += [] if said is None else [said]
    if not days:
        return Inconclusive("nobody has noted that a restore was rehearsed", Reason.NOT_DECLARED)
    age = (moment.taken_at.date() - max(days)).days
    row: tuple[Observation, ...] = ({"restored on": max(days).isoformat(), "days ago": age},)
    if age > LONGEST:
        return Failed(f"the last restore was rehearsed {age} days ago", row)
    return Passed(f"a restore was rehearsed on {max(days)}", row)


CHECK = Check.of(
    judge,
    family=Family.CONTINUITY,
    severity=Severity.MEDIUM,
    remedy=Playbook("backup"),
    runbook="storage-loss",
    references=("BSI IT-Grundschutz CON.3", "NIST SP 800-34 Rev. 1 section 3.5"),
    asks="mail_backup",
)
