"""`auditor incident open`: which runbook, which host, how to get in, what is known."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.cli._following import root, runbook_folder
from auditor.cli._operator import say
from auditor.cli._targets import read_name, read_ssh
from auditor.discover import Target
from auditor.model import Declared, SshTarget
from auditor.runbook import facts, library
from auditor.runbook.book import Book, collect
from auditor.runbook.clock import SystemClock
from auditor.runbook.display import escaped
from auditor.runbook.format import Front
from auditor.runbook.incident import Incident, create
from auditor.runbook.journal import Author
from auditor.runbook.opening import Occasion, begin, from_finding
from auditor.runbook.operator import fitting
from auditor.runbook.values import check
from auditor.runbook.vocabulary import FACTS
from auditor.transport.inventory import read_inventory
from auditor.transport.remote import SshRemote

Given = Mapping[str, Any]


def open_incident(given: Given, author: Author) -> Path:
    """Create the incident and write its first entries; gives its directory. Raises what _following turns into sentences."""
    hosts = tuple(dict.fromkeys(read_name(host) for host in given["hosts"]))
    began = check("time", given["began"]) if given["began"] else ""
    finding = _finding(given, hosts[0])
    book = collect([_runbook(given, finding)], runbook_folder())
    runbook = next(iter(book.runbooks.values()))
    _several(given, runbook.front, hosts)
    machines = _machines(given, hosts)
    targets = {host: _target(given, host, machines.get(host)) for host in hosts}
    told = _variables(given, book)
    values = dict(told)
    for host, target in targets.items():
        machine = machines.get(host)
        own = {**_declared(machine.declared if machine else None), **_seen(host, target, told)}
        mark = f"@{host}" if hosts[1:] else ""
        values |= {f"{name}{mark}": value for name, value in own.items() if name not in told}
    folder = create(root(), SystemClock())
    occasion = Occasion(
        runbook=runbook.id, title=given["title"] or runbook.front.title, host=hosts[0], values=values,
        began=began, finding=finding, connection=_connection(targets[hosts[0]]),
        inventory=str(given["inventory"].resolve()) if given["inventory"] else "",
        hosts={host: _connection(target) for host, target in targets.items()} if hosts[1:] else {},
    )  # fmt: skip
    with Incident(folder, SystemClock(), author) as incident:
        begin(incident, book, occasion)
        say(f"{incident.state.incident}: {escaped(occasion.title)}", sys.stderr)
        for host in hosts:
            known = incident.state.at(host).values
            shown = [
                f"{one} {escaped(known[one])}" for one in ("mta", "mta_version", "debian") if one in known
            ]
            say(f"{escaped(host)}: {', '.join(shown) or 'nothing is known'}", sys.stderr)
        say(f"Write this on paper: {incident.state.incident} {incident.head()}", sys.stderr)
        say(
            "Next: auditor incident next      one step; auditor incident run --all goes on by itself",
            sys.stderr,
        )
    return folder


def _finding(given: Given, host: str) -> Mapping[str, str]:
    if (given["scan"] is None) != (given["finding"] is None):
        raise ValueError("--from SCAN.json and --finding CHECK belong together")
    if given["scan"] is None:
        return {}
    try:
        scan = json.loads(given["scan"].read_text("utf-8"))
    except ValueError:
        raise ValueError(f"{given['scan']} is no saved scan") from None
    if not isinstance(scan, dict):
        raise ValueError(f"{given['scan']} is no saved scan")  # noqa: TRY004 - a sentence for the user, not a type error
    return from_finding(scan, given["finding"], host)


def _runbook(given: Given, finding: Mapping[str, str]) -> str:
    """The runbook that was named, or the one that the finding or the alert leads to."""
    if given["named"] and given["runbook"]:
        raise ValueError("name the runbook once")
    if given["named"] or given["runbook"]:
        return str(given["named"] or given["runbook"])
    if finding.get("runbook"):
        return finding["runbook"]
    if given["alert"]:
        for runbook in library.every(runbook_folder()):
            if given["alert"] in runbook.front.alerts:
                return runbook.id
        raise LookupError(f"no runbook answers the alert {given['alert']!r}")
    raise ValueError("give a RUNBOOK, --from SCAN.json --finding CHECK, or --alert NAME")


def _several(given: Given, front: Front, hosts: tuple[str, ...]) -> None:
    """Raises ValueError where the runbook, or the way in, is for one host."""
    if not hosts[1:]:
        return
    if front.targets == "one":
        raise ValueError(f"{front.runbook} is about one host: open an incident for each")
    if given["ssh"] or given["inventory"] is None:
        raise ValueError("several hosts are named by an inventory: -i FILE, and no --ssh")


def _target(given: Given, host: str, machine: Target | None) -> SshTarget:
    """How the host is reached."""
    if given["ssh"]:
        return read_ssh(given["ssh"])
    return machine.ssh if machine and machine.ssh else SshTarget(host=host)


def _seen(host: str, target: SshTarget, told: Mapping[str, str]) -> dict[str, str]:
    """What the host says of itself; what is missing is said aloud."""
    with SshRemote(target) as remote:
        seen = facts.of_host(remote)
    for missing in ("mta", "debian"):
        if missing not in {*seen, *told}:
            say(f"! {missing} of {host} is not known; --var {missing}=… tells it", sys.stderr)
    return seen


def _machines(given: Given, hosts: tuple[str, ...]) -> dict[str, Target]:
    """The hosts as the inventory knows them, which is read once; raises LookupError for one that it does not."""
    if given["inventory"] is None:
        return {}
    known = {target.name: target for target in reversed(read_inventory(given["inventory"]))}
    for host in hosts:
        if host not in known:
            raise LookupError(f"{given['inventory']} knows no mail host {host}")
    return {host: known[host] for host in hosts}


def _declared(declared: Declared | None) -> dict[str, str]:
    """What the inventory says of the host, under the names that runbooks use."""
    if declared is None:
        return {}
    contacts = dict(declared.contacts)
    found = {
        "mail_canary": declared.canary or "",
        "mail_admin_networks": " ".join(declared.admin_networks),
        "mail_log_host": declared.log_host or "",
        "mail_domains": " ".join(declared.domains),
        "contact": contacts.get("oncall", contacts.get("owner", "")),
        "mail_limit_per_hour": str(dict(declared.limits).get("per_hour", "")),
    }
    return {name: value for name, value in found.items() if value}


def _variables(given: Given, book: Book) -> dict[str, str]:
    declared = book.variables()
    found = {}
    for said in given["variables"]:
        name, equals, value = said.partition("=")
        if not equals:
            raise ValueError(f"--var {said!a}: write NAME=VALUE")
        if name not in declared and name not in FACTS:
            known = ", ".join(sorted({*declared, *FACTS}))
            raise ValueError(f"--var {name!a}: the runbook knows {known}")
        found[name] = fitting(declared[name], value) if name in declared else facts.typed(name, value)
    return found


def _connection(target: SshTarget) -> dict[str, str | int | bool | None]:
    return {
        "host": target.host, "port": target.port, "user": target.user, "key_file": target.key_file,
        "known_hosts": target.known_hosts, "become": target.become,
    }  # fmt: skip
