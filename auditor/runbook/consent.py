"""Previews, approvals and the plain "yes": what must be true before a step may act."""

import re
from collections.abc import Mapping
from typing import Final

from auditor.runbook.beside import approvals
from auditor.runbook.book import key
from auditor.runbook.clock import elapsed
from auditor.runbook.desk import Desk, NotPossible, Refused
from auditor.runbook.display import escaped
from auditor.runbook.format import Danger, Kind, Step, Use
from auditor.runbook.state import Preview
from auditor.runbook.values import NotThatType, check

VALID_FOR: Final = 30 * 60
"""Seconds that an approval holds: what was agreed to at noon is not what one would do in the evening."""
_ALONE_WAITS: Final = 20.0
_SAMPLE: Final = 20
_MOST_ITEMS: Final = 200_000
_REFUSED: Final = ".refused"


def prepare(desk: Desk, step: Step) -> bytes:
    """Everything before the act: preview shown, approval given, consent asked. Returns the approved list.

    Raises NotPossible or NoAnswer; nothing was done then.
    """
    listed = _preview(desk, step) if step.words.preview is not None else b""
    if step.words.approve is not None and not step.words.approve.if_refused:
        _approved(desk, step)
    acts = step.words.danger is not Danger.NONE or step.words.kind in {Kind.COMMAND, Kind.ANSIBLE, Kind.UNDO}
    if acts and not desk.ask.yes(f"{step.id}.run", "Run this step now?"):
        raise NotPossible(f"step {step.id} was not started")
    return listed


def overruled(desk: Desk, step: Step, refusal: str) -> Mapping[str, str | int | bool]:
    """What a playbook that refused is told the second time, once somebody agreed to that very refusal.

    Raises Refused when nobody may agree, or nobody does.
    """
    words = step.words.approve
    if words is None or not words.if_refused:
        raise Refused(refusal)
    desk.say(f"  {escaped(refusal)}")
    kept = desk.incident.store(desk.incident.next_name(step.id, _REFUSED), f"{refusal}\n".encode())
    known = desk.state.previews.get(key(step))
    if known is None or known.sha256 != kept.sha256:
        desk.incident.record("preview", desk.place(step), {"count": 1, "refused": refusal}, (kept,))
    try:
        _approved(desk, step)
    except NotPossible as no:
        raise Refused(f"{refusal} ({no})") from None
    return words.if_refused


def _preview(desk: Desk, step: Step) -> bytes:
    block = desk.block(step, Use.PREVIEW)
    if block is None:
        raise NotPossible(f"step {step.id} has no preview for this platform")
    ran = desk.world.remote.run(desk.program(step, block))
    if ran.exit != 0 or ran.truncated:
        raise NotPossible(f"the preview of {step.id} failed with exit {ran.exit}; nothing was done")
    items = ran.stdout.decode("utf-8", "backslashreplace").split("\n")
    chosen = list(dict.fromkeys(item.strip() for item in items if item.strip()))
    try:
        chosen = [check(step.words.preview or "line", item) for item in chosen[: _MOST_ITEMS + 1]]
    except NotThatType as error:
        raise NotPossible(
            f"the preview of {step.id} is not what it should be: {error}; nothing was done"
        ) from None
    if len(chosen) > _MOST_ITEMS:
        raise NotPossible(f"the preview of {step.id} holds more than {_MOST_ITEMS} items")
    content = "".join(f"{item}\n" for item in chosen).encode()
    kept = desk.incident.store(desk.incident.next_name(step.id, ".selected"), content)
    known = desk.state.previews.get(key(step))
    if known is None or known.sha256 != kept.sha256:
        desk.incident.record("preview", desk.place(step), {"count": len(chosen)}, (kept,))
    desk.say(f"  {len(chosen)} selected, list {kept.sha256[:16]} in {kept.p}")
    for item in chosen[:_SAMPLE]:
        desk.say(f"    {escaped(item)}")
    return content


def _approved(desk: Desk, step: Step) -> None:
    preview = desk.state.previews.get(key(step))
    wanted = preview.sha256 if preview is not None else ""
    now = desk.world.clock.now()
    for where, given in (*(("", one) for one in desk.state.approvals), *approvals(desk.incident.folder)):
        fits = given.step == key(step) and given.preview == wanted and elapsed(given.at, now) < VALID_FOR
        if not fits or (where and given.by == desk.incident.author.actor):
            continue
        desk.say(f"  approved by {escaped(given.by)}")
        if where:
            desk.incident.record(
                "approval",
                desk.place(step),
                {"by": given.by, "role": given.role, "alone": False, "preview": wanted, "from": where},
            )
        return
    approve(desk, step, preview)


def approve_beside(desk: Desk, step: Step, preview: Preview | None) -> None:
    """Agree in one's own journal, at one's own keyboard, while another follows; raises NotPossible."""
    words = step.words.approve
    assert words is not None, "the caller looked"
    if not desk.ask.yes(
        f"{step.id}.approve.agreed", f"Do you agree as {words.role.upper()}{_bound(preview)}?"
    ):
        raise NotPossible(f"{words.role.upper()} does not agree to {step.id}; nothing was done")
    listed = preview.sha256 if preview else ""
    desk.incident.record("approval", desk.place(step), {"role": words.role, "preview": listed})


def _bound(preview: Preview | None) -> str:
    if preview is None:
        return ""
    if preview.file.endswith(_REFUSED):
        return " nevertheless"
    return f" for list {preview.sha256[:16]} of {preview.count}"


def approve(desk: Desk, step: Step, preview: Preview | None) -> None:
    """Ask for and journal an approval of one step with one preview; raises NotPossible."""
    words = step.words.approve
    assert words is not None, "the caller looked"
    if not desk.ask.yes(f"{step.id}.approve.agreed", f"Does {words.role.upper()} agree{_bound(preview)}?"):
        raise NotPossible(f"{words.role.upper()} does not agree to {step.id}; nothing was done")
    name = desk.ask.text(f"{step.id}.approve.by", f"Name of the person who agrees as {words.role.upper()}")
    actor = desk.incident.author.actor
    alone = re.sub(r"\W+", "", name).casefold() == re.sub(r"\W+", "", actor).casefold()
    if alone and words.two_person == "required":
        raise NotPossible(f"{step.id} needs a second person; {escaped(name)} is the one at the keyboard")
    if alone and words.two_person == "preferred":
        typed = desk.ask.text(f"{step.id}.approve.host", "You are alone. Type the host's name to go on")
        if typed != desk.state.host:
            raise NotPossible(f"that is not the host's name ({escaped(desk.state.host)}); nothing was done")
        desk.say(f"  waiting {_ALONE_WAITS:.0f} seconds; Ctrl-C ends it")
        desk.world.sleep(_ALONE_WAITS)
    desk.incident.record(
        "approval",
        desk.place(step),
        {"by": name, "role": words.role, "alone": alone, "preview": preview.sha256 if preview else ""},
    )
