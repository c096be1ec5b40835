"""Wire `auditor fix`: plan, preview, consent, run, scan again, compare, record."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from time import sleep

import click

from auditor.cli import _scanning
from auditor.cli._exits import Exit
from auditor.cli._planning import (
    NO_INVENTORY,
    CannotPlan,
    Found,
    Given,
    as_scanned,
    before,
    find,
    nothing_to_run,
    spoken,
    unknown,
)
from auditor.registry import load
from auditor.remedy import render
from auditor.remedy.compare import Change, Outcome, compare
from auditor.remedy.loop import Loop, Rounds
from auditor.remedy.plan import Plan
from auditor.remedy.record import Record, cut_off
from auditor.remedy.run import Runner
from auditor.remedy.scanned import Scanned
from auditor.report import json as report
from auditor.report.wording import visible


def fix(given: Given) -> int:
    """`auditor fix`. Gives the exit code."""
    return spoken(lambda: _fix(given))


def _fix(given: Given) -> int:
    if given["inventory"] is None:
        raise CannotPlan(NO_INVENTORY)
    if not given["yes"] and not somebody_is_there():
        raise CannotPlan("nobody is there to be asked: give --yes, or look first with auditor plan")
    found_before, text = before(given)
    found = find(given, found_before)
    print(render.plan_as_text(found.plan, str(given["inventory"]), _scanning.playbooks()), end="")
    if not found.plan.runnable:
        return nothing_to_run(found.plan, found_before, allow_unknown=given["allow_unknown"])
    if where := cut_off(given["records"]):
        print(f"auditor: the fix before this one was cut off {visible(where)}", file=sys.stderr)
    loop = Loop(
        runner=Runner(inventory=given["inventory"], folder=found.shelf.folder, say=_say),
        record=Record(given["records"], _now()),
        announce=lambda line: print(f"auditor: {visible(line)}", file=sys.stderr),
    )
    if text is not None:
        loop.record.keep("before.json", text)
    ended = _rounds(given, loop, found).repair(found_before, found.plan)
    if ended is None:
        return Exit.FINDINGS
    start, after = ended
    changes = compare(start.results, after.results)
    loop.record.finished(changes, _now())
    print(render.outcome_as_text(changes, loop.ran), end="")
    if told := render.told_as_text(loop.ran):
        loop.record.keep("left-to-you.txt", told)
        print(f"\n{told}", end="")
    print(f"auditor: the record of this fix is in {loop.record.folder}", file=sys.stderr)
    return _exit_of(changes, after, allow_unknown=given["allow_unknown"])


def _rounds(given: Given, loop: Loop, found: Found) -> Rounds:
    """The repair as the options want it: who is asked, how it is scanned again, where the record goes."""
    registry, opener = load(), _scanning.opener_for(given)
    inventory, numbers = str(given["inventory"]), count(1)

    def scan(checks: Sequence[str]) -> Scanned:
        again = dict(given) | {"targets": found.scanned.targets, "only": tuple(checks)}
        seen = _scanning.fresh(again, registry, opener=opener, stderr=sys.stderr)
        number = next(numbers)
        loop.record.keep("after.json" if number == 1 else f"after-{number}.json", report.render(seen))
        return as_scanned(seen)

    def replan(scanned: Scanned) -> Plan:
        plan = find(given, scanned).plan
        print(render.plan_as_text(plan, inventory, _scanning.playbooks()), end="")
        return plan

    def agree(plan: Plan) -> bool:
        loop.record.plan(plan, (step.command(inventory) for step in plan.runnable))
        return given["yes"] or _agreed(loop, plan)

    return Rounds(loop=loop, scan=scan, plan=replan, agree=agree, pause=sleep, patience=given["wait"])


def somebody_is_there() -> bool:
    """A terminal, and so a person who can be asked."""
    return sys.stdin.isatty()


def _agreed(loop: Loop, plan: Plan) -> bool:
    """Show every change in check mode, then ask."""
    for ran in loop.preview(plan.runnable):
        for failure in ran.failures:
            print(f"auditor: check mode failed: {visible(failure)}", file=sys.stderr)
    return click.confirm("Apply these changes?", default=False, err=True)


def _say(text: str) -> None:
    """Ansible's own output, line by line, with what a target may have put into it escaped."""
    for line in text.splitlines():
        print(visible(line), file=sys.stderr)


def _exit_of(changes: tuple[Change, ...], after: Scanned, *, allow_unknown: bool) -> Exit:
    """All closed means: seen closed. What the second scan could not see keeps it incomplete."""
    outcomes = {change.outcome for change in changes}
    if outcomes & {Outcome.STILL_OPEN, Outcome.WORSE, Outcome.NOW_OPEN}:
        return Exit.FINDINGS
    unseen = Outcome.UNKNOWN in outcomes or any(unknown(result) for result in after.results)
    return Exit.INCOMPLETE if unseen and not allow_unknown else Exit.CLEAN


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - names the folder of the record and judges nothing
