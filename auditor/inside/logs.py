"""Logging: what is configured, what lies on the disk, and the trace of this very scan."""

import re

from auditor.evidence.clock import Clock, parse_clock
from auditor.evidence.logs import (
    LogKeeping,
    LogTrace,
    journald_settings,
    parse_forwards,
    parse_journal_upload,
    parse_log_files,
    parse_rotations,
    parse_span,
    parse_syslog_ng,
)
from auditor.evidence.processes import ProcessTable
from auditor.evidence.units import UnitTable
from auditor.inside.command import Command, Output, reads
from auditor.model import Moment, Options, Reason, Unavailable
from auditor.net import CannotLook

JOURNALD = Command(
    id="journald",
    argv=(
        "sh",
        "-c",
        """systemd-analyze cat-config systemd/journald.conf || exit
[ -d /var/log/journal ] && echo on_disk=yes
echo filesystem=$(stat -f -c %T /var/log)""",
    ),
)
OLDEST = Command(
    id="oldest-mail-entry",
    argv=(
        "sh",
        "-c",
        "journalctl -q --no-pager -o short-unix SYSLOG_FACILITY=2 2>/dev/null | head -n 1; true",
    ),
    root=True,
    beside=True,
)
LOG_FILES = Command(
    id="log-files",
    argv=(
        "sh",
        "-c",
        """stat -c '%a|%U|%G|%s|%Y|%n' /var/log/mail.* /var/log/maillog* /var/log/dovecot* \\
    /var/log/exim4 /var/log/exim4/* 2>/dev/null; true""",
    ),
    root=True,
)
LOGROTATE = Command(
    id="logrotate",
    argv=("sh", "-c", "cat /etc/logrotate.conf /etc/logrotate.d/* 2>/dev/null; true"),
    limit=262144,
)
RSYSLOG = Command(
    id="rsyslog",
    argv=("sh", "-c", "cat /etc/rsyslog.conf /etc/rsyslog.d/*.conf 2>/dev/null; true"),
    root=True,
)
SYSLOG_NG = Command(
    id="syslog-ng",
    argv=("sh", "-c", "cat /etc/syslog-ng/syslog-ng.conf /etc/syslog-ng/conf.d/*.conf 2>/dev/null; true"),
    root=True,
)
JOURNAL_UPLOAD = Command(
    id="journal-upload",
    argv=(
        "sh",
        "-c",
        "cat /etc/systemd/journal-upload.conf /etc/systemd/journal-upload.conf.d/*.conf 2>/dev/null; true",
    ),
    root=True,
)
CLOCK = Command(
    id="clock",
    argv=(
        "sh",
        "-c",
        "timedatectl show -p NTPSynchronized || exit; date +%s; echo container $(systemd-detect-virt -c)",
    ),
    beside=True,
)
TRACE = Command(
    id="log-trace",
    # Mail lines only: a line of sudo's or sshd's about this very command would be no proof.
    argv=(
        "sh",
        "-c",
        """for f in /var/log/mail.log /var/log/maillog /var/log/exim4/mainlog /var/log/exim4/rejectlog; do
  [ -e $f ] && tail -c 5000000 $f | grep -aF -m 5 -- "$1" | sed "s|^|$f |"
done
journalctl -q --no-pager -S -30min -o short-iso SYSLOG_FACILITY=2 2>/dev/null | grep -aF -m 5 -- "$1" | sed "s|^|journal |"
true""",
        "sh",
        "{label}",
    ),
    root=True,
    late=True,
    timeout=15,
    limit=65536,
)
DAEMONS = {"rsyslogd", "syslog-ng", "syslogd", "metalog"}


@reads(JOURNALD, OLDEST, LOG_FILES, LOGROTATE, RSYSLOG, SYSLOG_NG, JOURNAL_UPLOAD)
def log_keeping(
    journald: Output,
    oldest: Output,
    files: Output,
    logrotate: Output,
    rsyslog: Output,
    syslog_ng: Output,
    upload: Output,
    table: ProcessTable,
    units: UnitTable | Unavailable,
) -> LogKeeping:
    """Only what a running daemon does counts: the configuration of one that does not run forwards nothing."""
    settings = journald_settings(journald.text())
    names = {process.executable.rpartition("/")[2] for process in table.processes}
    daemon = next(iter(sorted(names & DAEMONS)), "")
    forwards = list(parse_forwards(rsyslog.text())) if daemon == "rsyslogd" else []
    forwards += parse_syslog_ng(syslog_ng.text()) if daemon == "syslog-ng" else ()
    uploader = None if isinstance(units, Unavailable) else units.unit("systemd-journal-upload.service")
    if uploader is not None and uploader.sub == "running":
        forwards += parse_journal_upload(upload.text())
    first = re.match(r"(\d{9,12}\.\d+) ", oldest.text())
    return LogKeeping(
        journal_storage=settings.get("Storage", "auto"),
        journal_on_disk=settings.get("on_disk") == "yes",
        journal_retention_days=parse_span(settings.get("MaxRetentionSec", "")),
        oldest_mail_entry=float(first[1]) if first else None,
        filesystem=settings.get("filesystem", ""),
        files=parse_log_files(files.text()),
        rotations=parse_rotations(logrotate.text()),
        forwards=tuple(forwards),
        reads_files=tuple(re.findall(r'File\s*=\s*"(/[^"]+)"', rsyslog.text()))
        if "imfile" in rsyslog.text()
        else (),
        syslog_daemon=daemon,
    )


@reads(CLOCK)
def clock(output: Output, moment: Moment) -> Clock:
    """Read within the scan, so the two times differ by at most its length."""
    return parse_clock(output.text(), scan_started=moment.taken_at.timestamp())


@reads(TRACE)
def log_trace(output: Output, options: Options) -> LogTrace:
    """Raises CannotLook where the search came back with something that it cannot have found."""
    lines = [line for line in output.text().splitlines() if line.strip()]
    if any(options.label not in line for line in lines):
        raise CannotLook(Reason.MALFORMED, "the search in the log returned lines without the label")
    return LogTrace(
        label=options.label,
        lines=tuple(line.partition(" ")[2][:300] for line in lines[:5]),
        places=tuple(dict.fromkeys(line.partition(" ")[0] for line in lines)),
    )
