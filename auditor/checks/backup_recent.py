"""A backup succeeded within the last two days.

Disks, file systems and intruders take mail that nobody can send again; a provider that lost its storage took four days to find
out what could be had back (incidents 000 and 001). Backups stop silently: a full disk, a changed key, a job that was switched off
for a test. Read from what restic, Borg, duplicity, rsnapshot and backupninja write down when they succeed, from the
results of their units, and from `/var/lib/auditor/backup-succeeded`, which any script may touch. A backup that is made
from elsewhere leaves no trace here: the inventory has to say who makes it, and when somebody last saw a good one.
"""

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

DAY = 86400.0
RECENT = 2 * DAY
SEEN = 31
"""Days for which a person's word holds."""

OURS = ("backup-succeeded", "auditor-backup.service")
"""What the playbook leaves on the host. Another program that stands still is mended, not joined by a second one."""
MEND = (
    "Run the backup by hand and read what it says (`systemctl start UNIT; journalctl -u UNIT -n 50`). When it succeeds, have its "
    "script `touch /var/lib/auditor/backup-succeeded` as the last step, or, where another machine makes it, write who "
    "and when into mail_backup in the inventory. Where none is made, name a place in mail_backup_place and run the playbook backup."
)


def judge(backups: Backups, host: Host, moment: Moment) -> Verdict:
    """What the host shows; where that is nothing good, what the inventory says of others."""
    if "null-client" in host.declared.roles:
        return NotApplicable("a null client keeps no mail")
    now, newest = moment.taken_at.timestamp(), backups.newest
    told: list[Observation] = [
        {"program": r.tool, "days ago": round((now - r.at) / DAY, 1)} for r in backups.runs
    ]
    rows = (*told, *({"unit": unit, "result": "failed"} for unit in backups.failed))
    if newest is not None and now - newest.at <= RECENT:
        return Passed(f"{newest.tool} succeeded {max(0.0, now - newest.at) / 3600:.0f} hours ago", rows)
    if backups.failed:
        text = f"{backups.failed[0]} failed, and nothing else succeeded in the last two days"
        return Failed(text, rows, by_hand=MEND)
    who, seen = dict(host.declared.backup).get("by", "somebody else"), declared_day(host.declared, "seen")
    if seen is not None and (moment.taken_at.date() - seen).days <= SEEN:
        return Passed(f"{who}: a good backup was seen on {seen}", rows)
    if newest is not None:
        age = f"the last backup that succeeded is {(now - newest.at) / DAY:.0f} days old"
        return Failed(age, rows, by_hand=None if newest.tool in OURS else MEND)
    if seen is not None:
        return Failed(f"{who}: nobody has seen a good backup since {seen}", by_hand=MEND)
    return Inconclusive(_nothing(backups), Reason.NOT_DECLARED)


def _nothing(backups: Backups) -> str:
    elsewhere = (*backups.scheduled, *backups.agents)
    if elsewhere:
        return f"{elsewhere[0]} makes backups, and when it last succeeded is not written on the host"
    return "no backup program is on the host, and nobody else is named who makes one"


CHECK = Check.of(
    judge,
    family=Family.CONTINUITY,
    severity=Severity.MEDIUM,
    remedy=Playbook("backup"),
    runbook="storage-loss",
    references=("BSI IT-Grundschutz CON.3", "NIST SP 800-45 Version 2 section 9.3"),
    asks="mail_backup",
)
