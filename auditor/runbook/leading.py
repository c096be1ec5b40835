"""Where a step leads when it is not to the next one: further down its runbook, or into another."""

from typing import Any

from auditor.runbook.book import collect, key
from auditor.runbook.desk import Desk
from auditor.runbook.format import Option, Runbook, Step
from auditor.runbook.journal import Place
from auditor.runbook.opening import copy_of


def jump(desk: Desk, step: Step, target: str) -> None:
    """Go on at a later step of the same runbook; those between are passed over."""
    over = _after(desk, step, target)
    desk.incident.record("jump", desk.place(step), {"to": target, "over": over})


def _after(desk: Desk, step: Step, before: str | None = None) -> list[str]:
    """What lies between a step and another (or the end); one host leaves nothing out for the others."""
    book = desk.book
    ids = [one.id for one in book.runbooks[step.runbook].steps]
    between = ids[ids.index(step.id) + 1 : ids.index(before) if before is not None else None]
    return [
        key(one)
        for one in book.steps
        if one.runbook == step.runbook and one.id in between and (not step.host or one.host == step.host)
    ]


def choose(desk: Desk, step: Step, option: Option) -> None:
    """Follow the option of a decision."""
    if option.goto is not None:
        jump(desk, step, option.goto)
    if option.runbook is not None:
        over = [] if option.back else _after(desk, step)
        there: dict[str, Any] = {"to": f"{option.runbook}/", "over": over}
        if option.back:
            there["back"] = step.runbook
        desk.incident.record("jump", desk.place(step), there)
        follow(desk, option.runbook)


def follow(desk: Desk, name: str) -> None:
    """Begin to follow another runbook in the same incident; its file is pinned as it is now."""
    folder = next(iter(desk.book.runbooks.values())).path.parent
    before = desk.book.runbooks
    desk.book = collect([*before, name], folder, desk.book.hosts)
    for other, runbook in desk.book.runbooks.items():
        if other not in before:  # a new frame comes along
            pin(desk, "follow", runbook)


def pin(desk: Desk, kind: str, runbook: Runbook) -> None:
    """Journal that a runbook is followed (`follow`) or followed as it is now (`accept`), with a copy of it."""
    desk.incident.record(kind, _whole(desk, runbook.steps[0]), files=(copy_of(runbook, desk.incident),))


def _whole(desk: Desk, step: Step) -> Place:
    """The journal's place for a whole runbook: that of one of its steps, without the step."""
    place = desk.place(step)
    return Place(runbook=place.runbook, sha256=place.sha256)
