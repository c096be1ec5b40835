"""What an incident's journal says: a pure fold over its entries, and nothing that is not in them.

    state = fold(entries)

Every kind of entry has one handler; a kind that this version does not know changes nothing, so that an older tool
can still read a newer journal.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from auditor.runbook.journal import Entry
from auditor.runbook.state import Approval, Note, Pinned, Preview, Progress, State, StepState, Temporary

Handler = Callable[[State, Entry], State]


def key_of(entry: Entry) -> str:
    """`runbook/step` of an entry."""
    return f"{entry.rb.partition('@')[0]}/{entry.step}"


def fold(entries: Iterable[Entry]) -> State:
    """The state that a journal describes."""
    state = State()
    for entry in entries:
        handler = _HANDLERS.get(entry.kind)
        state = replace(handler(state, entry) if handler is not None else state, seq=entry.seq)
        state = replace(state, people=MappingProxyType({**state.people, **_people(entry)}))
    return state


def _people(entry: Entry) -> Mapping[str, str]:
    """Who acted in which role; an approval is that of the person who gave it, whoever typed."""
    told = {entry.role: entry.actor}
    if entry.kind == "approval" and entry.data.get("role"):
        told[str(entry.data["role"])] = str(entry.data.get("by", entry.actor))
    return told


def _with_step(state: State, key: str, **changes: Any) -> State:
    known = state.steps.get(key) or StepState(progress=Progress.STARTED)
    return replace(state, steps=MappingProxyType({**state.steps, key: replace(known, **changes)}))


def _with_values(state: State, entry: Entry, values: Mapping[str, Any]) -> State:
    """What a step of one of several hosts found or was told is that host's alone."""
    _, at, host = entry.step.partition("@")
    told = {f"{name}{at}{host}": str(value) for name, value in values.items()}
    began = told.get("began") or state.began
    return replace(state, began=began, values=MappingProxyType({**state.values, **told}))


def _open(state: State, entry: Entry) -> State:
    data = entry.data
    state = replace(
        state, incident=entry.inc, title=data.get("title", ""), host=data.get("host", ""), opened=entry.at,
        hosts=tuple(told["name"] for told in data.get("hosts", ())), began=data.get("began", ""), operator=entry.actor,
    )  # fmt: skip
    return _with_values(_pin(state, entry), entry, data.get("values", {}))


def _pin(state: State, entry: Entry) -> State:
    name, _, version = entry.rb.partition("@")
    pinned = Pinned(name=name, version=int(version or 0), sha256=entry.rb_sha256)
    others = tuple(runbook for runbook in state.runbooks if runbook.name != name)
    if entry.kind == "accept":
        return replace(
            state, runbooks=tuple(pinned if known.name == name else known for known in state.runbooks)
        )
    return replace(state, runbooks=(*others, pinned))


def _start(state: State, entry: Entry) -> State:
    known = state.steps.get(key_of(entry))
    return _with_step(
        state, key_of(entry), progress=Progress.STARTED, started=entry.at, ended=None, acted=False, undone=False,
        attempts=(known.attempts if known else 0) + 1, data=entry.data,
    )  # fmt: skip


def _acted(state: State, entry: Entry) -> State:
    known = state.steps.get(key_of(entry))
    outputs = (
        *(known.outputs if known else ()),
        *(attached.p for attached in entry.files if attached.p.endswith(".out")),
    )
    state = _with_values(state, entry, entry.data.get("captured", {}))
    data = {**(known.data if known else {}), "exit": entry.data.get("exit")}
    return _with_step(state, key_of(entry), acted=True, outputs=outputs, data=data)


def _end(state: State, entry: Entry) -> State:
    result = Progress(entry.data.get("result", "unknown"))
    known = state.steps.get(key_of(entry))
    data = {**(known.data if known else {}), **entry.data}
    state = _with_values(state, entry, entry.data.get("values", {}))
    return _with_step(
        state,
        key_of(entry),
        progress=result,
        ended=entry.at,
        reason=str(entry.data.get("reason", "")),
        data=data,
    )


def _recheck(state: State, entry: Entry) -> State:
    known = state.steps.get(key_of(entry))
    return _with_step(
        state,
        key_of(entry),
        data={**(known.data if known else {}), "rechecks": int(entry.data.get("number", 0))},
    )


def _skip(state: State, entry: Entry) -> State:
    return _with_step(
        state,
        key_of(entry),
        progress=Progress.SKIPPED,
        ended=entry.at,
        reason=str(entry.data.get("reason", "")),
    )


def _jump(state: State, entry: Entry) -> State:
    for key in entry.data.get("over", ()):
        if key not in state.steps:
            state = _with_step(
                state, key, progress=Progress.PASSED_OVER, ended=entry.at, reason=f"decided at {entry.step}"
            )
    back = {str(entry.data["back"])} if "back" in entry.data else set()
    return replace(state, awaiting=state.awaiting | back)


def _values(state: State, entry: Entry) -> State:
    return _with_values(state, entry, entry.data.get("values", {}))


def _decision(state: State, entry: Entry) -> State:
    option = entry.data.get("option", "")
    return _with_values(_noted(state, entry, chosen=option), entry, {entry.step.partition("@")[0]: option})


def _noted(state: State, entry: Entry, **more: Any) -> State:
    """What a crash before the end of the step must not make somebody do twice."""
    known = state.steps.get(key_of(entry))
    return _with_step(state, key_of(entry), data={**(known.data if known else {}), **more})


def _approval(state: State, entry: Entry) -> State:
    given = Approval(
        step=key_of(entry),
        preview=entry.data.get("preview", ""),
        at=entry.at,
        by=entry.data.get("by", entry.actor),
    )
    return replace(state, approvals=(*state.approvals, given))


def _temp_add(state: State, entry: Entry) -> State:
    measure = Temporary(
        step=key_of(entry),
        since=entry.at,
        lasts=int(entry.data.get("lasts", 0)),
        what=entry.data.get("what", ""),
    )
    return replace(state, temporaries=MappingProxyType({**state.temporaries, measure.step: measure}))


def _temp_remove(state: State, entry: Entry) -> State:
    left = {key: measure for key, measure in state.temporaries.items() if key != key_of(entry)}
    return replace(state, temporaries=MappingProxyType(left))


def _undo_end(state: State, entry: Entry) -> State:
    if entry.data.get("result") != "ok":
        return replace(state, failed_undo=key_of(entry))
    return replace(_temp_remove(_with_step(state, key_of(entry), undone=True), entry), failed_undo="")


def _preview(state: State, entry: Entry) -> State:
    listed = entry.files[0]
    preview = Preview(file=listed.p, sha256=listed.sha256, count=int(entry.data.get("count", 0)))
    return replace(state, previews=MappingProxyType({**state.previews, key_of(entry): preview}))


def _note(state: State, entry: Entry) -> State:
    note = Note(seq=entry.seq, kind=entry.data.get("kind", "note"), text=entry.data.get("text", ""))
    return replace(state, notes=(*state.notes, note))


def _evidence(state: State, entry: Entry) -> State:
    return replace(state, evidence=state.evidence | {(key_of(entry), entry.data.get("item", ""))})


def _removed(state: State, entry: Entry) -> State:
    return replace(state, removed=(*state.removed, *(attached.p for attached in entry.files)))


def _comms(state: State, entry: Entry) -> State:
    return replace(
        _noted(state, entry, sent=True),
        messages=MappingProxyType({**state.messages, key_of(entry): entry.at}),
    )


def _fired(state: State, entry: Entry) -> State:
    return replace(state, fired=state.fired | {entry.data.get("timer", "")})


def _close(state: State, entry: Entry) -> State:
    return replace(state, closed=entry.at)


def _reopen(state: State, _entry: Entry) -> State:
    return replace(state, closed=None)


def _beside(state: State, entry: Entry) -> State:
    return replace(state, beside=MappingProxyType(dict(entry.data.get("heads", {}))))


def _handover(state: State, entry: Entry) -> State:
    return replace(state, operator=entry.data.get("to", state.operator))


_HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "open": _open,
        "follow": _pin,
        "accept": _pin,
        "values": _values,
        "step.start": _start,
        "step.acted": _acted,
        "step.end": _end,
        "recheck": _recheck,
        "skip": _skip,
        "jump": _jump,
        "decision": _decision,
        "approval": _approval,
        "temp.add": _temp_add,
        "temp.remove": _temp_remove,
        "undo.end": _undo_end,
        "preview": _preview,
        "note": _note,
        "evidence": _evidence,
        "removed": _removed,
        "comms": _comms,
        "timer.fired": _fired,
        "close": _close,
        "reopen": _reopen,
        "handover": _handover,
        "beside": _beside,
    }
)
