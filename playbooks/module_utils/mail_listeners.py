"""Who listens where, read from /proc: socket -> process -> control group -> unit.

Nothing here trusts a unit's ActiveState: on Debian 12 ``postfix.service`` and every unit made from an init script
stay "active" when the daemon is dead.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SMTP = 25
LISTEN = "0A"  # include/net/tcp_states.h, TCP_LISTEN
DAEMONS = {
    "/usr/lib/postfix/sbin/master": "postfix",
    "/usr/sbin/exim4": "exim",
    "/usr/sbin/smtpd": "opensmtpd",
    "/usr/libexec/sendmail/sendmail": "sendmail",
    "/usr/lib/sm.bin/sendmail": "sendmail",
}
"""Programs that hold port 25, as Debian 12 and 13 install them."""
_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?:/|$)")


@dataclass(frozen=True)
class Listener:
    """One listening TCP socket and the process that holds it."""

    address: str
    port: int
    pid: int
    exe: str
    cgroup: str

    @property
    def unit(self) -> str:
        """The innermost systemd unit of the process, or '' outside any."""
        found = _UNIT.findall(self.cgroup)
        return found[-1] if found else ""

    @property
    def loopback(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback


def _address(field: str) -> str:
    """'0100007F' -> '127.0.0.1': the kernel prints each 32-bit word in the machine's own order."""
    raw = bytes.fromhex(field)
    step = -1 if sys.byteorder == "little" else 1
    return str(ipaddress.ip_address(b"".join(raw[at : at + 4][::step] for at in range(0, len(raw), 4))))


def _listening_inodes() -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue  # no IPv6 in this kernel
        for row in rows:
            part = row.split()
            if part[3] == LISTEN:
                host, port = part[1].split(":")
                found[part[9]] = (_address(host), int(port, 16))
    return found


def read(pid: int | str, name: str) -> str:
    """A file of /proc/PID, '' when the process is gone or closed to us."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def executable(pid: int | str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return ""


def cgroup(pid: int | str) -> str:
    """The cgroup v2 path, or systemd's own hierarchy on a hybrid host."""
    lines = sorted(read(pid, "cgroup").splitlines(), key=lambda line: not line.startswith("0::"))
    return next((line.split(":", 2)[2] for line in lines if line.startswith("0::") or ":name=systemd:" in line), "")


def listeners() -> list[Listener]:
    """Every listening TCP socket whose process can be seen."""
    inodes = _listening_inodes()
    found: dict[tuple[str, int, int], Listener] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            links = [os.readlink(f"/proc/{entry}/fd/{fd}") for fd in os.listdir(f"/proc/{entry}/fd")]
        except OSError:
            continue
        for link in links:
            where = inodes.get(link[8:-1]) if link.startswith("socket:[") else None
            if where:
                found[(*where, int(entry))] = Listener(*where, int(entry), executable(entry), cgroup(entry))
    return sorted(found.values(), key=lambda one: (one.port, one.address, one.pid))


def own_addresses() -> list[str]:
    """Global addresses of this host, as `ip` prints them."""
    out = subprocess.run(["ip", "-o", "addr", "show", "scope", "global"], capture_output=True, text=True, check=False).stdout
    return re.findall(r"\binet6? ([0-9a-fA-F:.]+)/", out)


def unit_state(unit: str) -> dict[str, str]:
    """What systemd knows of a unit; empty values for a unit that does not exist."""
    return unit_states([unit])[unit]


def unit_states(units: list[str]) -> dict[str, dict[str, str]]:
    """The same for many units in one question: systemctl answers in their order, a blank line between two."""
    wanted = "LoadState,ActiveState,SubState,MainPID,ControlGroup,UnitFileState,Restart,RemainAfterExit,NRestarts,Type,SourcePath"
    out = subprocess.run(["systemctl", "show", "-p", wanted, "--", *units], capture_output=True, text=True, check=False).stdout
    answers = [dict(line.split("=", 1) for line in part.splitlines() if "=" in line) for part in out.strip("\n").split("\n\n")]
    if len(answers) == len(units):
        return dict(zip(units, answers))
    return {unit: unit_states([unit])[unit] if len(units) > 1 else {} for unit in units}  # one name is not valid


def unit_processes(unit: str) -> list[int]:
    """Processes in the unit's control group: the proof of life that ActiveState is not."""
    group = unit_state(unit).get("ControlGroup", "")
    if not group:
        return []
    try:
        return [int(pid) for pid in Path(f"/sys/fs/cgroup{group}/cgroup.procs").read_text(encoding="ascii").split()]
    except OSError:
        return []


def outsider(units: list[str]) -> Listener | None:
    """A mail program on port 25 that none of these units owns, so that nothing said to them reaches it."""
    served = [one for one in listeners() if one.port == SMTP and one.exe in DAEMONS]
    return next((one for one in served if one.unit not in units), None)
