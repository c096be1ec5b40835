"""An Ansible inventory, read through ansible-inventory: its public contract, which knows vault, plugins and groups."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from auditor.discover import Target
from auditor.model import AcceptedRisk, Declared, SshTarget

GROUP = "mail_hosts"
TIMEOUT = 60
"""Seconds; a vault prompt on a terminal takes a person's time, a dynamic inventory the network's."""


class BadInventory(ValueError):
    """Its text is the sentence for the user."""


def read_inventory(path: Path) -> tuple[Target, ...]:
    """The hosts of group mail_hosts, in the inventory's order. Raises BadInventory."""
    listing = _listing(path)
    hosts = tuple(_members(listing, GROUP, frozenset()))
    if not hosts:
        raise BadInventory(f"{path}: no host in group {GROUP}")
    variables = listing.get("_meta", {}).get("hostvars", {})
    return tuple(_target(name, variables.get(name, {}), path) for name in dict.fromkeys(hosts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A mail host with all that Ansible knows of it. The variables may hold secrets: never print them."""

    name: str
    addresses: tuple[str, ...]
    variables: Mapping[str, Any]
    check_only: bool


def read_machines(path: Path) -> tuple[Machine, ...]:
    """The hosts of group mail_hosts as the playbooks will see them. Raises BadInventory."""
    listing = _listing(path)
    variables = listing.get("_meta", {}).get("hostvars", {})
    untouchable = set(_members(listing, "check_only", frozenset()))
    return tuple(
        Machine(
            name=name,
            addresses=tuple(str(said[key]) for key in ("ansible_host", "ansible_ssh_host") if said.get(key)),
            variables=said,
            check_only=name in untouchable,
        )
        for name in dict.fromkeys(_members(listing, GROUP, frozenset()))
        for said in (variables.get(name, {}),)
    )


def _listing(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BadInventory(f"{path}: no such inventory")
    beside = Path(sys.executable).with_name("ansible-inventory")
    program = str(beside) if beside.exists() else shutil.which("ansible-inventory")
    if program is None:
        raise BadInventory(
            "ansible-inventory is not installed, so no inventory can be read: install ansible-core"
        )
    try:
        done = subprocess.run(
            [program, "-i", str(path), "--list"], capture_output=True, check=False, timeout=TIMEOUT
        )
        if done.returncode != 0:
            raise BadInventory(f"{path}: {_complaint(done.stderr)}")
        listing = json.loads(done.stdout)
    except subprocess.TimeoutExpired as slow:
        raise BadInventory(f"{path}: ansible-inventory gave no answer in {TIMEOUT} s") from slow
    except ValueError as broken:
        raise broken if isinstance(broken, BadInventory) else BadInventory(f"{path}: {broken}") from broken
    if not isinstance(listing, dict) or not any(
        group.get("hosts") for group in listing.values() if isinstance(group, dict)
    ):
        raise BadInventory(
            f"{path}: empty, or no inventory that Ansible can read ({_complaint(done.stderr)})"
        )
    return listing


def _complaint(stderr: bytes) -> str:
    """What Ansible said, in one line without its colours."""
    text = stderr.decode(errors="backslashreplace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = next(
        (line for line in lines if "rror" in line or "Failed to parse" in line), lines[0] if lines else ""
    )
    return "".join(char if char.isprintable() else " " for char in told)[:300] or "it gave no reason"


def _members(listing: Mapping[str, Any], group: str, above: frozenset[str]) -> Iterator[str]:
    found = listing.get(group, {})
    yield from found.get("hosts", ())
    for child in found.get("children", ()):
        if child not in above:
            yield from _members(listing, child, above | {group})


def _target(name: str, said: Mapping[str, Any], path: Path) -> Target:
    try:
        return Target(name.lower().rstrip("."), _declared(said), _ssh(name, said))
    except (TypeError, ValueError) as error:
        raise BadInventory(f"{path}: {name}: {error}") from error


def _ssh(name: str, said: Mapping[str, Any]) -> SshTarget | None:
    if said.get("ansible_connection", "ssh") not in ("ssh", "paramiko", "paramiko_ssh", "smart"):
        return None
    port = int(said.get("ansible_port", said.get("ansible_ssh_port", 22)))
    if not 0 < port < 65536:
        raise ValueError(f"ansible_port: {port} is not a port number")
    key = said.get("ansible_ssh_private_key_file", said.get("ansible_private_key_file"))
    user = said.get("ansible_user", said.get("ansible_ssh_user"))
    return SshTarget(
        host=str(said.get("ansible_host", said.get("ansible_ssh_host", name))),
        port=port,
        user=None if user is None else str(user),
        key_file=None if key is None else str(Path(str(key)).expanduser()),
        known_hosts=_known_hosts(said),
        become=said.get("ansible_become", False) in (True, "true", "True", "yes", "1", 1),
    )


def _known_hosts(said: Mapping[str, Any]) -> str | None:
    """UserKnownHostsFile out of ansible_ssh_common_args, where people put it."""
    words = f"{said.get('ansible_ssh_common_args', '')} {said.get('ansible_ssh_extra_args', '')}".split()
    for word in words:
        option, _, value = word.removeprefix("-o").partition("=")
        if option == "UserKnownHostsFile" and value:
            return str(Path(value.strip("'\"")).expanduser())
    return None


def _declared(said: Mapping[str, Any]) -> Declared:
    return Declared(
        domains=tuple(name.lower().rstrip(".") for name in _words(said, "mail_domains")),
        silent_domains=tuple(name.lower().rstrip(".") for name in _words(said, "mail_silent_domains")),
        roles=_words(said, "mail_roles"),
        trusted_networks=_words(said, "mail_trusted_networks"),
        admin_networks=_words(said, "mail_admin_networks"),
        dkim_selectors=_words(said, "mail_dkim_selectors"),
        canary=_word(said, "mail_canary"),
        log_host=_word(said, "mail_log_host"),
        resolvers=_words(said, "mail_resolvers"),
        backup_mx=_words(said, "mail_backup_mx"),
        helpers=_words(said, "mail_helpers"),
        blocklists=tuple(zone.lower().rstrip(".") for zone in _words(said, "mail_blocklists")),
        backup=tuple((key, str(value)) for key, value in _mapping(said, "mail_backup")),
        monitoring=tuple((key, str(value)) for key, value in _mapping(said, "mail_monitoring")),
        contacts=tuple((key, _text(value)) for key, value in _mapping(said, "mail_contacts")),
        limits=tuple((key, int(value)) for key, value in _mapping(said, "mail_limits")),
        accepted_risks=tuple(_risks(said.get("mail_accepted_risks") or ())),
    )


def _words(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = said.get(name) or ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name}: should be a list")  # a mapping or a number
    return tuple(_text(item) for item in value)


def _word(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return None if value in (None, "") else _text(value)


def _text(value: object) -> str:
    """Structured values (a helper with its unit, a contact with phone and mail) as one stable line."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _mapping(said: Mapping[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    value = said.get(name) or {}
    if not isinstance(value, dict):
        raise TypeError(f"{name}: should be a mapping")
    return value.items()


def _risks(value: Any) -> Iterator[AcceptedRisk]:
    if not isinstance(value, list | tuple):
        raise TypeError("mail_accepted_risks: should be a list")
    for risk in value:
        if not isinstance(risk, dict) or not {"check", "reason", "until"} <= risk.keys():
            raise ValueError("mail_accepted_risks: each needs check, reason and until (YYYY-MM-DD)")
        yield AcceptedRisk(
            check=str(risk["check"]),
            reason=str(risk["reason"]),
            until=date.fromisoformat(str(risk["until"])[:10]),
        )
