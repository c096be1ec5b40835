"""A plan and its outcome as text, JSON or a shell script. Pure; control characters of targets are escaped."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from auditor.remedy.compare import Change, Outcome
from auditor.remedy.plan import Plan, Step
from auditor.remedy.run import Ran
from auditor.remedy.scanned import Result
from auditor.report.wording import visible

PLAN_SCHEMA = "auditor.plan/1"


def plan_as_text(plan: Plan, inventory: str, folder: str) -> str:
    """What to run, in order, and what is left for people."""
    return "\n".join(_plan_lines(plan, inventory, folder)) + "\n"


def _plan_lines(plan: Plan, inventory: str, folder: str) -> Iterator[str]:
    if not (plan.steps or plan.by_hand or plan.unreachable):
        yield "Nothing to repair."
        return
    for number, step in enumerate(plan.steps, start=1):
        yield f"{number}. {step.playbook} on {', '.join(step.hosts)}"
        yield from _closes(step)
        if step.missing:
            yield f"   not run: the inventory lacks {', '.join(step.missing)}"
        else:
            yield f"   {step.command(inventory, folder)}"
        yield ""
    if plan.unreachable:
        yield "No playbook can be run for:"
        for result, problem in plan.unreachable:
            yield f"   {result.check} on {visible(result.subject)}: {problem}"
        yield ""
    if plan.by_hand:
        yield "Somebody has to do by hand:"
        for result in plan.by_hand:
            yield f"   {result.check} on {visible(result.subject)}"
            yield from (f"      {visible(line)}" for line in (result.by_hand or "").splitlines())
        yield ""


def _closes(step: Step) -> Iterator[str]:
    for result in step.closes:
        where = f" ({visible(result.subject)})" if result.subject not in step.hosts else ""
        yield f"   closes {result.check}{where}: {visible(result.summary)}"


def plan_as_json(plan: Plan, inventory: str, folder: str) -> str:
    """The same for programs. No value of an inventory variable is in it but those that the scan derived."""
    return json.dumps(
        {
            "schema": PLAN_SCHEMA,
            "steps": [
                {
                    "playbook": step.playbook,
                    "hosts": list(step.hosts),
                    "tags": list(step.tags),
                    "closes": [_named(result) for result in step.closes],
                    "derived": dict(step.derived),
                    "missing": list(step.missing),
                    "command": list(step.arguments(inventory, folder)),
                }
                for step in plan.steps
            ],
            "by_hand": [_named(result) | {"steps": result.by_hand} for result in plan.by_hand],
            "not_possible": [_named(r) | {"why": problem} for r, problem in plan.unreachable],
        },
        indent=2,
        ensure_ascii=False,
    )


def _named(result: Result) -> dict[str, object]:
    wanted = ("check", "subject_kind", "subject", "severity", "summary")
    return {name: value for name, value in asdict(result).items() if name in wanted}


def plan_as_sh(plan: Plan, inventory: str, folder: str) -> str:
    """A script of ansible-playbook lines that stops at the first one that fails."""
    lines = [
        "#!/bin/sh",
        "# Written by auditor plan. Each line may be run alone, with --check --diff first.",
        "set -eu",
        "",
    ]
    for step in plan.steps:
        lines += [f"# closes {', '.join(step.tags)}"]
        command = step.command(inventory, folder)
        lines += [
            f"# not run, the inventory lacks {', '.join(step.missing)}: {command}"
            if step.missing
            else command,
            "",
        ]
    lines += [f"# by hand: {result.check} on {visible(result.subject)}" for result in plan.by_hand]
    return "\n".join(lines) + "\n"


def outcome_as_text(changes: Iterable[Change], ran: Iterable[Ran]) -> str:
    """What became of each finding, worst news first."""
    order = (Outcome.WORSE, Outcome.STILL_OPEN, Outcome.NOW_OPEN, Outcome.UNKNOWN, Outcome.CLOSED)
    lines = []
    for run in ran:
        changed = (
            ", ".join(f"{host} {count} changed" for host, count in run.changed.items()) or "nothing changed"
        )
        lines.append(f"{run.playbook}: {run.status}, {changed}")
        lines += [f"   {visible(failure)}" for failure in run.failures]
    for change in sorted(changes, key=lambda c: (order.index(c.outcome), c.before.severity.rank)):
        now = change.after or change.before
        why = " (there was nothing to judge before)" if change.outcome is Outcome.NOW_OPEN else ""
        lines.append(
            f"{change.outcome.value:<11} {now.check} on {visible(now.subject)}: {visible(now.summary)}{why}"
        )
    return "\n".join(lines) + "\n"


def told_as_text(ran: Iterable[Ran]) -> str:
    """What the playbooks leave to a person, each message once, in lines that can be copied. Empty when there is none."""
    said: dict[tuple[str, ...], dict[str, None]] = {}
    for run in ran:
        for told in run.told:
            said.setdefault(told.lines, {})[f"{run.playbook} on {told.host}"] = None
    lines = [
        line for text, who in said.items() for line in ("", f"{', '.join(who)} says:", *map(visible, text))
    ]
    return "\n".join(["Left to you:", *lines]) + "\n" if lines else ""
