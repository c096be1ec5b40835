"""Mail logs are copied to another host.

Whoever takes the host over deletes the log first, and a dead disk takes it along. Plain UDP loses lines without a trace
and plain TCP shows addresses to everyone on the way, so neither counts unless the target is on a private network. Exim
writes its own files: a syslog daemon that does not read them ships nothing of what matters.
"""

import ipaddress

from auditor.evidence.logs import Forward, LogKeeping
from auditor.evidence.mta import Mta, MtaRunning
from auditor.evidence.mta_settings import MtaSettings
from auditor.model import (
    Check,
    Failed,
    Family,
    Host,
    Observation,
    Passed,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
)


def judge(
    keeping: LogKeeping, running: MtaRunning, settings: MtaSettings | Unavailable, host: Host
) -> Verdict:
    """Some running daemon forwards mail lines, reliably, to where the inventory says."""
    rows: tuple[Observation, ...] = tuple(
        {"target": f.target, "protocol": f.protocol, "encrypted": f.encrypted, "buffered": f.buffered}
        for f in keeping.forwards
    )
    if not keeping.forwards:
        return Failed("no running daemon sends the log to another host")
    if running.only is Mta.EXIM and not _exim_reaches_syslog(keeping, settings):
        return Failed("Exim logs to its own files, and the syslog daemon does not read them", rows)
    wanted = (host.declared.log_host or "").partition(":")[0]
    if wanted and wanted not in {forward.target for forward in keeping.forwards}:
        return Failed(f"logs go elsewhere than to {wanted}, which the inventory names", rows)
    if not any(_sound(forward) for forward in keeping.forwards):
        return Failed("the log is sent in a way that loses lines or shows them to others", rows)
    return Passed("the log is copied to " + ", ".join(forward.target for forward in keeping.forwards), rows)


def _exim_reaches_syslog(keeping: LogKeeping, settings: MtaSettings | Unavailable) -> bool:
    exim = None if isinstance(settings, Unavailable) else settings.exim
    uploads = any(forward.protocol == "https" for forward in keeping.forwards)
    to_syslog = exim is not None and "syslog" in exim.get("log_file_path")
    return any("exim" in path for path in keeping.reads_files) or (
        to_syslog and (uploads or bool(keeping.forwards))
    )


def _sound(forward: Forward) -> bool:
    try:
        private = ipaddress.ip_address(forward.target).is_private
    except ValueError:
        private = False
    return forward.protocol != "udp" and (forward.encrypted or private)


CHECK = Check.of(
    judge,
    family=Family.LOGGING,
    severity=Severity.MEDIUM,
    remedy=Playbook("logging"),
    runbook="silent-failure",
    references=("RFC 5425", "rsyslog omfwd", "systemd-journal-upload(8)"),
)
