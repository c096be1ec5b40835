"""Steps of kind ansible: rehearsed, run, refused or not, run back. Whether they worked is looked at afterwards."""

import re
from collections.abc import Mapping
from typing import Any, Final

from auditor.runbook import consent
from auditor.runbook.desk import Desk, NotPossible
from auditor.runbook.display import escaped, lines_shown, shown
from auditor.runbook.format import Step
from auditor.runbook.values import seconds
from auditor.runbook.world import Outcome, Played

Args = Mapping[str, str | int | bool]

_LIMIT: Final = "15m"


def rehearse(desk: Desk, step: Step) -> Outcome:
    """Check mode with the differences shown; nothing is changed."""
    played = _play(desk, step, _own(step), step.words.args, check_mode=True)
    for line in lines_shown(essence(played.output), most=60):
        desk.say(f"    {line}")
    if played.good:
        return Outcome.ok()
    return Outcome.failed(f"playbook {step.words.play} does not pass check mode; nothing was changed")


def essence(output: str) -> str:
    """What changes or fails in a playbook's output; the tasks that have nothing to say are left out."""
    tasks = re.split(r"\n(?=TASK \[|PLAY |RUNNING HANDLER )", output)
    told = [
        task
        for task in tasks
        if re.search(r"^(changed|fatal|failed|unreachable):|^PLAY RECAP|^ERROR", task, re.MULTILINE)
    ]
    return "\n".join(task.strip() for task in told) or output


def carry_out(desk: Desk, step: Step, out: str) -> Outcome:
    """Run the step's playbook, and unless it is urgent once more in check mode, where it must find nothing to do."""
    play, args = _own(step), step.words.args
    played = _play(desk, step, play, args)
    if played.refused:
        args = {**args, **consent.overruled(desk, step, played.refused)}
        played = _play(desk, step, play, args)
    outcome = _told(desk, step, played, out)
    if not played.good or step.words.urgent:
        return outcome
    again = _play(desk, step, play, args, check_mode=True)
    if not again.good or again.changed:
        return Outcome.failed(f"a second run would change {again.changed} things: it did not settle")
    return outcome


def take_back(desk: Desk, step: Step, play: str, args: Args, out: str) -> Outcome:
    """Run the playbook that is the way back of a step."""
    played = _play(desk, step, play, args)
    desk.incident.store(out, played.output.encode("utf-8", "backslashreplace"))
    _say(desk, played)
    return _outcome(play, played)


def _own(step: Step) -> str:
    assert step.words.play is not None, "lint saw to it"
    return step.words.play


def _play(desk: Desk, step: Step, play: str, args: Args, *, check_mode: bool = False) -> Played:
    limit = float(seconds(step.words.timeout or _LIMIT))
    return desk.world.play(play, _extra(desk, step, play, args), check_mode=check_mode, limit=limit)


def _extra(desk: Desk, step: Step, play: str, args: Args) -> dict[str, str | int | bool]:
    """Extra variables of a playbook, with the incident's name (also as its role calls it) and every `{{ name }}` filled.

    Ansible evaluates templates in them, on this machine; what a value of an incident brings along is refused (NotPossible).
    """
    own = f"{play.removesuffix('.yml').replace('-', '_')}_incident"
    filled = {
        name: desk.filled(value, step) if isinstance(value, str) else value for name, value in args.items()
    }
    for name, value in filled.items():
        if isinstance(value, str) and re.search(r"\{[{%#]", value):
            raise NotPossible(
                f"{name} holds a template, which Ansible would run: {shown(value)}; nothing was done"
            )
    return {"incident_id": desk.state.incident, own: desk.state.incident, **filled}


def _told(desk: Desk, step: Step, played: Played, out: str) -> Outcome:
    """Keep and journal what a run said, and show what of it is meant for a person."""
    kept = desk.incident.store(out, played.output.encode("utf-8", "backslashreplace"))
    acted: dict[str, Any] = {"exit": 0 if played.good else 1, "changed": played.changed}
    if played.said:
        acted["said"] = list(played.said)
    desk.incident.record("step.acted", desk.place(step), acted, (kept,))
    _say(desk, played)
    return _outcome(_own(step), played)


def _say(desk: Desk, played: Played) -> None:
    for sentence in played.said:
        desk.say(f"  {escaped(sentence)}")


def _outcome(play: str, played: Played) -> Outcome:
    if played.good:
        return Outcome.ok()
    last = [line for line in lines_shown(played.output, most=400) if line.strip()][-3:]
    if not played.ended:
        return Outcome.unknown(f"playbook {play} did not come to its end: " + " / ".join(last))
    return Outcome.failed(f"playbook {play} failed: " + " / ".join(last))
