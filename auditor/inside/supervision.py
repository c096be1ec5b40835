"""From socket to process to control group to unit: who keeps mail running."""

import re
from collections.abc import Iterable

from auditor.evidence.endpoints import listeners_at, parse_endpoint
from auditor.evidence.mta import MtaRunning
from auditor.evidence.mta_settings import MtaSettings, helper_sockets
from auditor.evidence.processes import Process, ProcessTable
from auditor.evidence.resolvers import parse_nameservers
from auditor.evidence.units import (
    PROPERTIES,
    Keeper,
    MailHelpers,
    MailServices,
    Service,
    UnitTable,
    keeper_of,
    parse_units,
)
from auditor.inside.command import Command, Output, reads
from auditor.inside.resolvers import RESOLV_CONF
from auditor.model import Host, Unavailable

MAIL_UNITS = (
    "postfix.service",
    "postfix@-.service",
    "exim4.service",
    "opensmtpd.service",
    "sendmail.service",
    "dovecot.service",
)
ALSO = ("rsyslog.service", "syslog-ng.service", "systemd-journal-upload.service", "logrotate.service")
TIMERS = ("logrotate.timer", "certbot.timer", "apt-daily.timer", "apt-daily-upgrade.timer")
SERVICE_PORTS = {24, 25, 110, 143, 465, 587, 993, 995, 4190}

UNITS = Command(
    id="units",
    argv=(
        "systemctl",
        "show",
        "--no-pager",
        f"--property={','.join(PROPERTIES)}",
        "*.service",
        "*.timer",
        *MAIL_UNITS,
        *ALSO,
        *TIMERS,
    ),
    beside=True,
)
SUPERVISED_ELSEWHERE = Command(
    id="other-supervisors",
    argv=(
        "sh",
        "-c",
        r"""grep -hsE '^[[:space:]]*(check process|start program)' /etc/monit/monitrc /etc/monit/conf*/*
grep -hsE '^[[:space:]]*(\[program:|command|autorestart)' /etc/supervisor/conf.d/*
ls -d /etc/service/*/run /var/lib/supervise/*/run 2>/dev/null; true""",
    ),
    root=True,
)


@reads(UNITS)
def unit_table(units: Output) -> UnitTable:
    """What systemd knows. Raises CannotLook where systemd is not the init system."""
    return UnitTable(units=parse_units(units.text()))


def watched_names(text: str) -> frozenset[str]:
    """Programs that monit, supervisord or runit start again."""
    found = set(re.findall(r"check process\s+([\w.@-]+)", text))
    found |= {
        path.split("/")[-2] for path in text.splitlines() if path.endswith("/run") and path.count("/") > 1
    }
    for block in re.split(r"^\s*\[program:", text, flags=re.MULTILINE)[1:]:
        name = block.partition("]")[0]
        if not re.search(r"autorestart\s*=\s*false", block):
            found |= {name, *re.findall(r"command\s*=\s*\S*?([\w.-]+)(?:\s|$)", block)}
    return frozenset(found)


def _service(
    name: str, process: Process | None, units: UnitTable, watched: Iterable[str], ports: Iterable[int]
) -> Service:
    if process is None:
        return Service(name=name)
    keeper, keeper_name = keeper_of(process.cgroup)
    unit = units.unit(keeper_name) if keeper is Keeper.UNIT else None
    program = process.executable.rpartition("/")[2]
    names = {name, program, keeper_name.removesuffix(".service").partition("@")[0]}
    return Service(
        name=name,
        pid=process.pid,
        ports=tuple(sorted(set(ports))),
        keeper=keeper,
        keeper_name=keeper_name,
        unit=unit,
        starts_at_boot=unit is not None and units.starts_at_boot(unit),
        watched=bool(names & set(watched)),
    )


@reads(SUPERVISED_ELSEWHERE)
def mail_services(
    elsewhere: Output, table: ProcessTable, units: UnitTable, running: MtaRunning
) -> MailServices:
    """Every program behind a mail port, and the mail daemons without one (a null client's)."""
    watched = watched_names(elsewhere.text())
    ports: dict[int, set[int]] = {daemon.pid: set(daemon.ports) for daemon in running.daemons}
    inside = {daemon.pid: _descendants(daemon.pid, table) for daemon in running.daemons}
    for listener in table.listeners:
        if listener.kind == "tcp" and listener.port in SERVICE_PORTS and listener.pids:
            known = next(
                (top for top, family in inside.items() if listener.pids[0] in family), listener.pids[0]
            )
            ports.setdefault(known, set()).add(listener.port)
    found = []
    for pid, held in ports.items():
        process = table.process(pid)
        if process is not None:
            daemon = next((d.mta.value for d in running.daemons if d.pid == pid), None)
            name = daemon or process.executable.rpartition("/")[2] or process.command
            found.append(_service(name, process, units, watched, held))
    alive = {service.keeper_name for service in found}
    down = (units.unit(name) for name in MAIL_UNITS if name not in alive)
    return MailServices(
        running=tuple(found),
        down=tuple(u for u in down if u is not None and not u.wrapper and units.starts_at_boot(u)),
    )


def _descendants(pid: int, table: ProcessTable) -> set[int]:
    family = {pid}
    for _ in range(6):
        family |= {process.pid for process in table.processes if process.parent in family}
    return family


@reads(SUPERVISED_ELSEWHERE, RESOLV_CONF)
def mail_helpers(
    elsewhere: Output,
    resolv_conf: Output,
    table: ProcessTable,
    units: UnitTable,
    host: Host,
    settings: MtaSettings | Unavailable,
) -> MailHelpers:
    """What the mail program's configuration, resolv.conf and the inventory name."""
    watched = watched_names(elsewhere.text())
    words = list(host.declared.helpers)
    if not isinstance(settings, Unavailable):
        words += helper_sockets(settings)
    words += [
        f"inet:{address}:53"
        for address in parse_nameservers(resolv_conf.text())
        if address.startswith("127.")
    ]
    local, remote = [], []
    for word in dict.fromkeys(words):
        endpoint = parse_endpoint(word)
        if endpoint is None:
            local.append(_declared_unit(word, units, watched))
        elif not endpoint.local:
            remote.append(word)
        else:
            found = listeners_at(endpoint, table)
            owners = [owner for listener in found for owner in table.owners(listener)]
            # systemd holds the socket of a service that it starts on demand
            mine = next((owner for owner in owners if owner.pid != 1), owners[0] if owners else None)
            local.append(_service(word, mine, units, watched, [endpoint.port] if endpoint.port else []))
    return MailHelpers(local=tuple(local), remote=tuple(remote))


def _declared_unit(word: str, units: UnitTable, watched: Iterable[str]) -> Service:
    """A helper that the inventory names by its unit."""
    name = word if word.endswith((".service", ".socket")) else f"{word}.service"
    unit = units.unit(name)
    if unit is None or unit.sub != "running":
        return Service(name=word, keeper_name=name, unit=unit)
    return Service(
        name=word,
        pid=0,
        keeper=Keeper.UNIT,
        keeper_name=name,
        unit=unit,
        starts_at_boot=units.starts_at_boot(unit),
        watched=word in set(watched),
    )
