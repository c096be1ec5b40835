"""Wire `auditor plan`: findings from a saved or a fresh scan, the inventory, the playbooks, the plan."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor import data
from auditor.cli import _scanning
from auditor.cli._exits import Exit
from auditor.model import Host, Severity, Status
from auditor.net import CannotLook
from auditor.registry import load
from auditor.remedy import render
from auditor.remedy.plan import Member, Plan, make_plan
from auditor.remedy.scanned import NotAScan, Result, Scanned, from_findings, read_scan
from auditor.remedy.shelf import Shelf
from auditor.report import json as report
from auditor.scan import Scan
from auditor.transport.inventory import BadInventory, read_machines

Given = Mapping[str, Any]
NO_INVENTORY = "an inventory says which hosts may be changed, and how: give -i FILE"
REPORT_LIMIT = 64 << 20
"""Bytes of a saved report that are read."""


class CannotPlan(ValueError):
    """Its text is the sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known before anything is repaired."""

    scanned: Scanned
    members: tuple[Member, ...]
    shelf: Shelf
    plan: Plan


def saved_report(given: Given) -> Path | None:
    """The one target that is a file, when there is one. Raises CannotPlan."""
    files = [Path(name) for name in given["targets"] if name.endswith(".json") or Path(name).is_file()]
    if not files:
        return None
    if len(given["targets"]) > 1:
        raise CannotPlan("give either one saved scan or targets, not both")
    return files[0]


def read_report(path: Path) -> Scanned:
    """A saved `auditor scan --format json`. Raises CannotPlan."""
    try:
        with path.open("rb") as file:
            raw = file.read(REPORT_LIMIT + 1)
    except OSError as error:
        raise CannotPlan(f"{path}: {error.strerror}") from error
    if len(raw) > REPORT_LIMIT:
        raise CannotPlan(f"{path}: larger than {REPORT_LIMIT >> 20} MiB, so no report of ours")
    try:
        return read_scan(raw.decode(errors="replace"))
    except NotAScan as error:
        raise CannotPlan(f"{path}: {error}") from error


def as_scanned(scan: Scan) -> Scanned:
    """A fresh scan in the planner's words."""
    subjects = [subject for target in scan.targets for subject in target.subjects]
    hosts = {s.name for s in subjects if isinstance(s, Host)}
    return Scanned(
        results=from_findings(scan.findings),
        hosts_of_domain=tuple(
            (s.name, tuple(name for name in s.hosts if name in hosts))
            for s in subjects
            if not isinstance(s, Host)
        ),
        targets=tuple(target.target for target in scan.targets),
    )


def find(given: Given, scanned: Scanned) -> Found:
    """Inventory and playbooks, and the plan they make. Raises BadInventory, CannotPlan."""
    members = tuple(
        Member(name=m.name, addresses=m.addresses, variables=m.variables, check_only=m.check_only)
        for m in read_machines(given["inventory"])
    )
    if not members:
        raise BadInventory(f"{given['inventory']}: no host in group mail_hosts")
    try:
        shelf = Shelf(data.directory("playbooks"))
    except FileNotFoundError as error:
        raise CannotPlan(str(error)) from error
    wanted = {result.playbook for result in scanned.results if result.playbook}
    plan = make_plan(
        scanned,
        members,
        order=shelf.order(),
        needs={name: shelf.needs(name) for name in wanted if shelf.has(name)},
        minimum=Severity(given["severity"]),
    )
    return Found(scanned=scanned, members=members, shelf=shelf, plan=plan)


def plan(given: Given) -> int:
    """`auditor plan`. Gives the exit code."""
    return spoken(lambda: _plan(given))


def spoken(work: Callable[[], int]) -> int:
    """One sentence and the right exit code for everything that a user can mend."""
    try:
        return work()
    except (*_scanning.USAGE, CannotPlan) as error:
        print(f"auditor: {error}", file=sys.stderr)
        return Exit.USAGE
    except CannotLook as error:
        print(f"auditor: {error.detail}", file=sys.stderr)
        return Exit.INCOMPLETE
    except KeyboardInterrupt:
        print("\nauditor: interrupted", file=sys.stderr)
        return _scanning.INTERRUPTED


def before(given: Given) -> tuple[Scanned, str | None]:
    """The findings to start from, and the report of the scan when there was one."""
    path = saved_report(given)
    if path is not None:
        return read_report(path), None
    scan = _scanning.fresh(given, load(), stderr=sys.stderr)
    return as_scanned(scan), report.render(scan)


def _plan(given: Given) -> int:
    if given["inventory"] is None:
        raise CannotPlan(NO_INVENTORY)
    scanned, _ = before(given)
    found = find(given, scanned)
    written = {"text": render.plan_as_text, "json": render.plan_as_json, "sh": render.plan_as_sh}
    print(written[given["form"]](found.plan, str(given["inventory"]), _scanning.playbooks()), end="")
    if found.plan.steps:
        return Exit.FINDINGS
    return nothing_to_run(found.plan, scanned, allow_unknown=given["allow_unknown"])


def unknown(result: Result) -> bool:
    """Neither fine nor failed."""
    return result.status in (Status.UNKNOWN, Status.CRASH)


def nothing_to_run(plan: Plan, scanned: Scanned, *, allow_unknown: bool) -> Exit:
    """How plan and fix end where no playbook can be run. That something was not seen is said."""
    unseen = sum(map(unknown, scanned.results))
    if unseen:
        print(f"auditor: {unseen} questions had no answer; auditor scan says why", file=sys.stderr)
    if plan.by_hand or plan.unreachable or plan.steps:
        return Exit.FINDINGS
    return Exit.INCOMPLETE if unseen and not allow_unknown else Exit.CLEAN
