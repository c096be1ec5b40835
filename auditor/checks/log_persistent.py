"""The mail log survives a reboot.

A volatile journal and no syslog daemon, or /var/log on a memory file system, lose exactly the hours that lead up to
the crash one wants to understand.
"""

from auditor.evidence.logs import LogKeeping
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict


def judge(keeping: LogKeeping) -> Verdict:
    """A journal on disk, or mail log files on a file system that lasts."""
    if keeping.filesystem in {"tmpfs", "ramfs"}:
        return Failed(f"/var/log lies in memory ({keeping.filesystem})", ({"/var/log": keeping.filesystem},))
    written = [file.path for file in keeping.lasting_files if file.size and not file.path.endswith("/exim4")]
    if keeping.journal_lasts:
        return Passed("the journal is kept on disk", tuple({"file": path} for path in written[:3]))
    if written and (keeping.syslog_daemon or any("/exim4/" in path for path in written)):
        return Passed("mail is logged to files on disk", tuple({"file": path} for path in written[:3]))
    return Failed(
        "the journal is lost at every reboot, and no syslog daemon writes mail lines to a file",
        (
            {
                "Storage": keeping.journal_storage,
                "/var/log/journal": keeping.journal_on_disk,
                "syslog daemon": "",
            },
        ),
    )


CHECK = Check.of(
    judge,
    family=Family.LOGGING,
    severity=Severity.HIGH,
    remedy=Playbook("logging"),
    runbook="silent-failure",
    references=("journald.conf(5), Storage=",),
)
