"""What runs and what listens, as the kernel tells it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_USER = re.compile(r'"([^"]{0,64})",pid=(\d{1,10})')
_PROC = re.compile(r"/proc/(\d{1,10})/\w+[: ](.*)")
NO_LOGIN = 4294967295
"""loginuid of a process that no login session started (pam_loginuid(8))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A socket that waits for connections (TCP, Unix) or datagrams (UDP)."""

    kind: str
    """"tcp", "udp" or "unix"."""
    address: str
    """IP address without scope, "*" for every address of both families; the path of a Unix socket."""
    port: int = 0
    pids: tuple[int, ...] = ()
    """Empty where the kernel did not say, which is so for everyone but root."""

    @property
    def public(self) -> bool:
        """Reachable from another machine, as far as the address says."""
        return self.kind != "unix" and not self.address.startswith("127.") and self.address != "::1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process, without its environment; with its arguments only where they are a mail program's."""

    pid: int
    parent: int
    user: str
    command: str
    executable: str = ""
    """Empty for kernel threads, and for everyone but root."""
    replaced: bool = False
    """The file it runs from was deleted or replaced since: an update that waits for a restart."""
    cgroup: str = ""
    login_uid: int = NO_LOGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTable:
    """Processes and listeners of one moment, seen as root."""

    processes: tuple[Process, ...] = ()
    listeners: tuple[Listener, ...] = ()

    def process(self, pid: int) -> Process | None:
        """The process of that number, unless it had gone when its details were read."""
        return next((process for process in self.processes if process.pid == pid), None)

    def owners(self, listener: Listener) -> tuple[Process, ...]:
        """Processes that hold the socket; several after a fork."""
        return tuple(process for pid in listener.pids if (process := self.process(pid)) is not None)


def parse_sockets(text: str) -> tuple[Listener, ...]:
    """Lines of `ss -Hlntup` and `ss -Hlxp`."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 5:
            continue
        pids = tuple(sorted({int(pid) for _, pid in _USER.findall(line)}))
        if fields[0].startswith("u_"):
            found.append(Listener(kind="unix", address=fields[4], pids=pids))
            continue
        place, _, port = fields[4].rpartition(":")
        if fields[0] in {"tcp", "udp"} and port.isascii() and port.isdigit():
            address = place.strip("[]").partition("%")[0]
            found.append(Listener(kind=fields[0], address=address, port=int(port), pids=pids))
    return tuple(found)


def _per_process(text: str) -> Iterator[tuple[int, str]]:
    for line in text.splitlines():
        matched = _PROC.fullmatch(line)
        if matched:
            yield int(matched[1]), matched[2]


def _shown(command: str) -> str:
    """Arguments may hold passwords, so only mail programs keep theirs: they tell what the daemon was asked to be."""
    first = command.split(None, 1)[0]
    mail = first.rpartition("/")[2].removesuffix(":") in {
        "master",
        "exim4",
        "exim",
        "smtpd",
        "sendmail",
        "sendmail-mta",
    }
    return command[:200] if mail else first[:200]


def parse_processes(listing: str, executables: str, cgroups: str, logins: str) -> tuple[Process, ...]:
    """`ps -eo pid=,ppid=,user:32=,args=` beside what /proc says of exe, cgroup (version 2 line) and loginuid."""
    links = dict(_per_process(executables))
    groups = {pid: line[3:] for pid, line in _per_process(cgroups) if line.startswith("0::")}
    sessions = {pid: int(line) for pid, line in _per_process(logins) if line.isascii() and line.isdigit()}
    found = []
    for line in listing.splitlines():
        fields = line.split(None, 3)
        if len(fields) != 4 or not (fields[0].isdigit() and fields[1].isdigit()):
            continue
        pid = int(fields[0])
        link = links.get(pid, "")
        found.append(
            Process(
                pid=pid,
                parent=int(fields[1]),
                user=fields[2],
                command=_shown(fields[3]),
                executable=link.removesuffix(" (deleted)"),
                replaced=link.endswith(" (deleted)"),
                cgroup=groups.get(pid, ""),
                login_uid=sessions.get(pid, NO_LOGIN),
            )
        )
    return tuple(found)
