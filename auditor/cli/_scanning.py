"""Wire one scan: what was typed -> request -> network -> scan -> reports -> exit code."""

import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from auditor import data
from auditor.cli import _output
from auditor.cli._exits import Exit, exit_code
from auditor.cli._network import BadAddress, read_servers, real_network
from auditor.cli._progress import Progress
from auditor.cli._targets import BadTarget, read_name, read_targets
from auditor.discover import Target
from auditor.model import Options, Severity
from auditor.net import CannotLook, Network
from auditor.registry import Registry, load
from auditor.report.wording import Lines
from auditor.saved import MAX_BYTES, NotEvidence, read, save
from auditor.scan import Look, Record, Request, Scan, UnknownTarget, conclude, look
from auditor.transport.inventory import BadInventory, read_inventory
from auditor.transport.loop import runner
from auditor.transport.vantage import helo_name

Opener = Callable[[], AbstractAsyncContextManager[Network]]
Given = Mapping[str, Any]

INTERRUPTED = 130
"""What shells say of a program that SIGINT ended (128 + 2)."""


class BadChoice(ValueError):
    """Its text is the sentence for the user."""


USAGE = (BadTarget, BadInventory, BadAddress, BadChoice, UnknownTarget)
"""What fresh() raises for a request that cannot be carried out; each text is the sentence for the user."""


class Terminal(NamedTuple):
    """Where results and where everything else goes."""

    out: TextIO
    err: TextIO

    def refuse(self, told: object) -> Exit:
        """One sentence, exit 2."""
        print(f"auditor: {told}", file=self.err)
        return Exit.USAGE


def main(given: Given, *, opener: Opener | None = None, terminal: Terminal | None = None) -> int:
    """One scan for the options of `auditor scan`, as click hands them over. Gives the exit code."""
    terminal = terminal or Terminal(sys.stdout, sys.stderr)
    try:
        pairs = _output.pair(given["formats"], given["outputs"])
        registry = load()
        scan = fresh(given, registry, opener=opener, stderr=terminal.err)
        if given["save_evidence"] is not None:
            _output.keep(given["save_evidence"], save(scan.record), terminal.err)
        return report(scan, registry, given, pairs, terminal)
    except (*USAGE, _output.BadOutput) as error:
        return terminal.refuse(error)
    except CannotLook as error:
        print(f"auditor: {error.detail}", file=terminal.err)
        return Exit.INCOMPLETE
    except KeyboardInterrupt:
        print("\nauditor: interrupted; nothing was written", file=terminal.err)
        return INTERRUPTED


def fresh(given: Given, registry: Registry, *, opener: Opener | None = None, stderr: TextIO) -> Scan:
    """Scan now. Raises what main() turns into a sentence."""
    request = read_request(given, registry)
    with runner() as loop:
        record = loop.run(watch(request, registry, opener or opener_for(given), stderr))
        return conclude(record, registry)  # in here for the sake of the garbage collector


def judge_saved(given: Given, *, terminal: Terminal | None = None) -> int:
    """The same verdicts from a file of --save-evidence. Gives the exit code."""
    terminal = terminal or Terminal(sys.stdout, sys.stderr)
    path: Path = given["evidence"]
    try:
        pairs = _output.pair(given["formats"], given["outputs"])
        registry = load()
        record = read(_bytes(path), registry)
        return report(conclude(record, registry), registry, given, pairs, terminal)
    except NotEvidence as error:
        return terminal.refuse(f"{path}: {error}")
    except OSError as error:
        return terminal.refuse(f"{path}: {error.strerror}")
    except _output.BadOutput as error:
        return terminal.refuse(error)


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def report(
    scan: Scan, registry: Registry, given: Given, pairs: Sequence[tuple[str, str]], terminal: Terminal
) -> Exit:
    """Every report where it belongs, then the exit code. Raises BadOutput."""
    place = Path(playbooks())
    lines = Lines(
        inventory=_relative(given.get("inventory")),
        playbooks=str(place),
        available=frozenset(path.stem for path in place.glob("*.yml")),
        example=str(place.parent / "inventory.example.yml"),
    )
    shown = _output.Shown(scan=scan, checks=registry.checks, lines=lines, verbose=given["verbose"])
    _output.deliver(pairs, shown, stdout=terminal.out, stderr=terminal.err)
    return exit_code(scan.findings, fail_on=Severity(given["fail_on"]), allow_unknown=given["allow_unknown"])


def read_request(given: Given, registry: Registry) -> Request:
    """What the options ask for. Raises BadTarget, BadInventory, BadChoice."""
    if given["outside_only"] and given["inside_only"]:
        raise BadChoice("--outside-only and --inside-only leave nothing to look at")
    targets = named(given)
    if not targets:
        raise BadChoice("nothing to scan: name a host, a domain or an address, or give an inventory with -i")
    canary = given["canary"]
    if canary is not None and not _is_address(canary):
        raise BadChoice(f"--canary {canary!a} is not a mail address")
    where = (
        Look.OUTSIDE if given["outside_only"] else Look.INSIDE if given["inside_only"] else Look.EVERYWHERE
    )
    if where is Look.INSIDE and not any(target.ssh for target in targets):
        raise BadChoice("--inside-only needs a way in: --ssh [USER@]HOST or -i INVENTORY")
    _must_be_known(given, registry)
    return Request(
        targets=targets,
        options=Options(
            timeout=given["timeout"],
            thorough=given["thorough"],
            assume_outside=given["assume_outside"],
            canary=canary,
            helo=given["helo"] or "",
            label=secrets.token_hex(6),
            ports=tuple(given["ports"]),
            dnsbl=tuple(given["dnsbl"]),
        ),
        only=tuple(given["only"]),
        skip=tuple(given["skip"]),
        minimum=Severity(given["severity"]),
        look=where,
    )


def named(given: Given) -> tuple[Target, ...]:
    """Targets of argv, --ssh and inventory; names together with -i choose out of it."""
    declared = () if given["inventory"] is None else read_inventory(given["inventory"])
    _keys_must_be_readable(declared)
    wanted = {read_name(name) for name in given["targets"]}
    if wanted:
        declared = tuple(
            target
            for target in declared
            if target.name in wanted or wanted & set(target.declared.domains if target.declared else ())
        )
        covered = {name for t in declared for name in (t.name, *(t.declared.domains if t.declared else ()))}
        wanted -= covered
    return read_targets(
        sorted(wanted, key=list(map(read_name, given["targets"])).index), given["ways_in"], declared
    )


def _keys_must_be_readable(targets: tuple[Target, ...]) -> None:
    for target in targets:
        key = target.ssh.key_file if target.ssh else None
        if key is not None and not os.access(key, os.R_OK):
            problem = "no permission to read it" if Path(key).exists() else "no such file"
            raise BadInventory(f"{target.name}: SSH key {key}: {problem}")


def _must_be_known(given: Given, registry: Registry) -> None:
    try:
        checks = registry.select(only=given["only"], skip=given["skip"], minimum=Severity(given["severity"]))
    except KeyError as error:
        raise BadChoice(f"{error.args[0]!a} is neither a check nor a family: see `auditor checks`") from error
    if not checks:
        raise BadChoice("--only, --skip and --severity leave no check to make")


def _is_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    try:
        return bool(local and at and read_name(domain)) and text.isprintable() and " " not in text
    except BadTarget:
        return False


def opener_for(given: Given) -> Opener:
    """The real network, as --nameserver, --timeout and --concurrency say. Raises BadAddress."""
    servers = read_servers(given["nameservers"])
    return lambda: real_network(servers, timeout=given["timeout"], concurrency=given["concurrency"])


async def watch(request: Request, registry: Registry, opener: Opener, err: TextIO) -> Record:
    """Look, with signs of life on `err`."""
    async with opener() as network:
        if not request.options.helo:
            request = replace(request, options=replace(request.options, helo=await helo_name(network)))
        with Progress(err) as progress:
            return await look(request, registry, network, progress=progress.seen)


def playbooks() -> str:
    """Where the playbooks are, as the user types it from here."""
    try:
        return _relative(data.directory("playbooks")) or "playbooks"
    except FileNotFoundError:
        return "playbooks"


def _relative(path: Path | None) -> str | None:
    if path is None:
        return None
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
