"""Processes, listeners and addresses of the host."""

from auditor.evidence.processes import ProcessTable, parse_processes, parse_sockets
from auditor.inside.command import Command, Output, reads
from auditor.model import Reason
from auditor.net import CannotLook

SOCKETS = Command(id="listening-sockets", argv=("ss", "-Hlntup"), root=True)
UNIX_SOCKETS = Command(id="unix-sockets", argv=("ss", "-Hlxp"), root=True)
PROCESSES = Command(id="processes", argv=("ps", "-ww", "-eo", "pid=,ppid=,user:32=,args="), root=True)
EXECUTABLES = Command(
    id="executables",
    # 1 where a process ended meanwhile, which happens all the time.
    argv=("sh", "-c", r"find /proc/[0-9]*/exe -maxdepth 0 -printf '%p %l\n' 2>/dev/null; true"),
    root=True,
)
CGROUPS = Command(
    id="cgroups", argv=("sh", "-c", "grep -H '^0::' /proc/[0-9]*/cgroup 2>/dev/null; true"), root=True
)
LOGINS = Command(
    id="logins", argv=("sh", "-c", "grep -H . /proc/[0-9]*/loginuid 2>/dev/null; true"), root=True
)


@reads(SOCKETS, UNIX_SOCKETS, PROCESSES, EXECUTABLES, CGROUPS, LOGINS)
def process_table(
    sockets: Output, unix: Output, listing: Output, executables: Output, cgroups: Output, logins: Output
) -> ProcessTable:
    """All of it at one moment. Raises CannotLook, also where a table is empty that cannot be."""
    processes = parse_processes(listing.text(), executables.text(), cgroups.text(), logins.text())
    if not processes or not any(process.executable for process in processes):
        raise CannotLook(Reason.MALFORMED, "the list of processes came back empty")
    return ProcessTable(
        processes=processes, listeners=parse_sockets(sockets.text()) + parse_sockets(unix.text())
    )
