"""Mail logs are private.

They hold who writes to whom and when, and sometimes a password typed into the user name. Every account on the host
could read them, and so could a web application that was broken into.
"""

from auditor.evidence.logs import LogFile, LogKeeping
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict


def judge(keeping: LogKeeping) -> Verdict:
    """No mail log file can be read by everybody; a directory that others cannot enter protects what is in it."""
    closed = {file.path for file in keeping.files if not file.mode & 0o001 and file.path == "/var/log/exim4"}
    logs = [file for file in keeping.files if file.path != "/var/log/exim4" and not _inside(file, closed)]
    if not keeping.files:
        return NotApplicable("mail is logged to the journal alone, which only root and its group can read")
    bad = [file for file in logs if file.everybody_reads]
    if bad:
        return Failed(
            f"{len(bad)} mail log files can be read by every account",
            tuple({"file": f.path, "mode": f"{f.mode:04o}", "owner": f"{f.owner}:{f.group}"} for f in bad),
        )
    return Passed("only root and the log group can read the mail logs")


def _inside(file: LogFile, directories: set[str]) -> bool:
    return any(file.path.startswith(f"{directory}/") for directory in directories)


CHECK = Check.of(
    judge,
    family=Family.LOGGING,
    severity=Severity.MEDIUM,
    remedy=Playbook("logging"),
    runbook="silent-failure",
    references=("syslogd FileCreateMode", "GDPR Art. 32"),
)
