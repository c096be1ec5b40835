"""systemd's units, and who keeps a process alive: a unit, another supervisor, a container, or nobody."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

BOOT_TARGETS = {"multi-user.target", "graphical.target", "default.target", "basic.target", "sysinit.target"}
BOOT_TARGETS |= {"sockets.target", "timers.target", "network-online.target", "nss-lookup.target"}
PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "Type",
    "Restart",
    "RemainAfterExit",
    "NRestarts",
    "UnitFileState",
    "SourcePath",
    "WantedBy",
    "RequiredBy",
    "TriggeredBy",
)
_JOBS = {"cron.service", "crond.service", "atd.service", "ssh.service", "sshd.service", "rc-local.service"}
_SUPERVISORS = ("supervisor", "runit", "daemontools", "s6", "monit", "svscan")
_ALWAYS_RESTART = ("runit", "daemontools", "s6", "svscan")
"""They start a service again whatever it ended with; monit and supervisord do as their configuration says."""
_CONTAINERS = re.compile(r"docker|libpod|containerd|machine\.slice|/lxc|kubepods")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit as `systemctl show` tells it, in systemd's words."""

    id: str
    load: str = "loaded"
    active: str = "active"
    sub: str = "running"
    result: str = "success"
    type: str = ""
    restart: str = "no"
    remain_after_exit: bool = False
    restarts: int = 0
    """Automatic restarts since it was last started by hand or at boot."""
    file_state: str = ""
    generated_from: str = ""
    """The SysV script that a generator made it from."""
    wanted_by: tuple[str, ...] = ()
    """WantedBy, RequiredBy and TriggeredBy as they are in force."""

    @property
    def comes_back(self) -> bool:
        """Is started again after it was killed. RemainAfterExit=yes defeats Restart=: the unit stays "active (exited)"."""
        return self.restart in {"always", "on-failure"} and not self.remain_after_exit

    @property
    def wrapper(self) -> bool:
        """Debian 12's postfix.service: a oneshot that runs /bin/true, so its state says nothing."""
        return self.type == "oneshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTable:
    """Units that are loaded, and those that were asked for by name."""

    units: tuple[Unit, ...] = ()

    def unit(self, name: str) -> Unit | None:
        """The unit of that name, unless systemd does not know it."""
        return next((unit for unit in self.units if unit.id == name and unit.load == "loaded"), None)

    def starts_at_boot(self, unit: Unit, depth: int = 5) -> bool:
        """Something that starts at boot wants, requires or triggers it, or its file is enabled.

        A unit that is enabled in /run alone is gone after the boot, but one that a generator hung below an
        enabled service (Debian 12: postfix@- below postfix) is made anew.
        """
        if unit.file_state in {"enabled", "alias"}:
            return True
        if unit.file_state.startswith("masked") or depth == 0:
            return False
        if unit.file_state != "enabled-runtime" and BOOT_TARGETS & set(unit.wanted_by):
            return True
        parents = (self.unit(name) for name in unit.wanted_by)
        return any(self.starts_at_boot(parent, depth - 1) for parent in parents if parent is not None)


class Keeper(StrEnum):
    """What a process would have to thank for a second life."""

    UNIT = "systemd unit"
    SUPERVISOR = "other supervisor"
    CONTAINER = "container"
    LOGIN = "started by hand"
    JOB = "started by a job or a remote command"
    NOBODY = "nobody"


def keeper_of(cgroup: str) -> tuple[Keeper, str]:
    """(who keeps it, name of the unit or slice) from the version 2 cgroup path of a process."""
    parts = [part for part in cgroup.split("/") if part]
    if _CONTAINERS.search(cgroup):
        return Keeper.CONTAINER, parts[-1]
    if parts[:1] == ["user.slice"]:
        return Keeper.LOGIN, parts[-1]
    name = next((part for part in reversed(parts) if part.endswith(".service")), "")
    if not name:
        return Keeper.NOBODY, parts[-1] if parts else ""
    if name in _JOBS:
        return Keeper.JOB, name
    if name.startswith(_SUPERVISORS):
        return Keeper.SUPERVISOR, name
    return Keeper.UNIT, name


def _blocks(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines())
        found = {name: value.strip() for name, equals, value in pairs if equals}
        if found.get("Id"):
            yield found


def parse_units(text: str) -> tuple[Unit, ...]:
    """`systemctl show`: blocks of Property=value in systemd's own order. A unit named twice counts once."""
    units: dict[str, Unit] = {}
    for found in _blocks(text):
        count = found.get("NRestarts", "0")
        units[found["Id"]] = Unit(
            id=found["Id"],
            load=found.get("LoadState", ""),
            active=found.get("ActiveState", ""),
            sub=found.get("SubState", ""),
            result=found.get("Result", ""),
            type=found.get("Type", ""),
            restart=found.get("Restart", "no"),
            remain_after_exit=found.get("RemainAfterExit") == "yes",
            restarts=int(count[:9]) if count.isascii() and count.isdigit() else 0,
            file_state=found.get("UnitFileState", ""),
            generated_from=found.get("SourcePath", ""),
            wanted_by=tuple(
                word
                for name in ("WantedBy", "RequiredBy", "TriggeredBy")
                for word in found.get(name, "").split()
            ),
        )
    return tuple(units.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One thing that mail depends on: a mail daemon or a helper of it."""

    name: str
    """Program, or what the configuration calls it: "dovecot", "inet:127.0.0.1:11332"."""
    pid: int | None = None
    """None where nothing answers at the place that the configuration names."""
    ports: tuple[int, ...] = ()
    keeper: Keeper = Keeper.NOBODY
    keeper_name: str = ""
    unit: Unit | None = None
    starts_at_boot: bool = False
    watched: bool = False
    """monit or another supervisor starts it again."""

    @property
    def comes_back(self) -> bool:
        """Somebody starts it again after a crash."""
        by_design = self.keeper is Keeper.SUPERVISOR and self.keeper_name.startswith(_ALWAYS_RESTART)
        return self.watched or by_design or (self.unit is not None and self.unit.comes_back)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServices:
    """Daemons behind the mail ports, and mail units that should run but do not."""

    running: tuple[Service, ...] = ()
    down: tuple[Unit, ...] = field(default=())
    """Units of mail programs that start at boot and have no process now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHelpers:
    """Milters, policy services, SASL, local resolvers and what the inventory declares."""

    local: tuple[Service, ...] = ()
    remote: tuple[str, ...] = ()
    """On other machines: out of sight from here."""
