"""Mail logs are kept for ninety days.

The cause of an outage or an intrusion often lies months before the day it shows; RFC 5068 asks to keep mail traceable
for at least a week. Debian's rsyslog keeps four weekly files, its Exim ten daily ones. The law where you are may set
an upper bound.
"""

from auditor.evidence.logs import LogKeeping, days_kept
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    Moment,
    Observation,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
)

DAYS = 90
CURRENT = ("/var/log/exim4/mainlog", "/var/log/mail.log", "/var/log/maillog")
"""Exim's own log first: where there is one, mail.log holds only what other programs say."""


def judge(keeping: LogKeeping, moment: Moment) -> Verdict:
    """Rotation of the file that mail is logged to, else the journal's own rule and the age of its oldest mail line."""
    present = {file.path for file in keeping.lasting_files}
    paths = [path for path in CURRENT if path in present][:1]
    kept = {path: days for path in paths if (days := days_kept(keeping, path)) is not None}
    rows: tuple[Observation, ...] = tuple({"log": path, "days": round(days)} for path, days in kept.items())
    if any(days >= DAYS for days in kept.values()):
        return Passed(f"rotation keeps mail logs {round(max(kept.values()))} days", rows)
    if paths and not kept:
        return Passed(
            "nothing rotates the mail log away", tuple({"log": path, "days": None} for path in paths)
        )
    if keeping.journal_lasts:
        told = keeping.journal_retention_days
        oldest = keeping.oldest_mail_entry
        if told is not None and told >= DAYS:
            return Passed(f"the journal is told to keep {round(told)} days", rows)
        if told is None and oldest is not None and (moment.taken_at.timestamp() - oldest) / 86400 >= DAYS:
            return Passed("the journal reaches back more than ninety days", rows)
        if not kept and told is None:
            return Inconclusive(
                "the journal keeps what fits its space; it is too young to tell", Reason.UNSUPPORTED
            )
    return Failed(f"mail logs are kept {round(max(kept.values(), default=0))} days, not {DAYS}", rows)


CHECK = Check.of(
    judge,
    family=Family.LOGGING,
    severity=Severity.MEDIUM,
    remedy=Playbook("logging"),
    runbook="silent-failure",
    references=("RFC 5068 3.1", "logrotate(8)", "journald.conf(5), MaxRetentionSec="),
)
