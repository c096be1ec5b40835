"""Evidence: commands whose output streams off the host, most volatile first, hashed on the way and read again.

Nothing is written on the suspect's disk. After RFC 3227 and runbooks.md 5.2; a set is an order, not a bag.
"""

import json
from typing import Final

from msgspec import Struct

from auditor.runbook import items
from auditor.runbook.book import key
from auditor.runbook.desk import Desk
from auditor.runbook.format import Step
from auditor.runbook.incident import Spool
from auditor.runbook.journal import Attachment
from auditor.runbook.state import Progress
from auditor.runbook.values import seconds
from auditor.runbook.world import Outcome
from auditor.transport.remote import CannotReach, Program

_TIMEOUT: Final = "15m"
_TOLERABLE: Final = frozenset({0, 1})
"""tar and grep end with 1 when a file changed under them or nothing matched."""


class Collected(Struct, frozen=True, kw_only=True):
    """One item that is safe on our disk."""

    item: str
    exit: int
    file: Attachment
    began: str
    command: str


def collect(desk: Desk, step: Step) -> Outcome:
    """Collect what is still missing of the step's set; ok when every item is stored and reads back."""
    wanted = items.of_set(step.words.set or "", desk.state.values.get("mta"))
    copy = desk.incident.folder / "copy" if step.words.two_copies else None
    odd: list[str] = []
    for item in wanted:
        if (key(step), item.name) in desk.state.evidence:
            continue
        began = desk.world.clock.now().utc
        spool = Spool(desk.incident.folder, desk.incident.next_name(item.name, item.ending), copy)
        try:
            args = (desk.value("account", step),) if item.needs_account else ()
            limit = seconds(step.words.timeout or _TIMEOUT)
            ran = desk.world.remote.run(
                Program(text=items.PROLOGUE + item.text, args=args, timeout=limit), sink=spool.write
            )
        except CannotReach as error:
            spool.finish()  # what came is kept on the disk, but it is no item
            return Outcome.unknown(f"the connection broke at {item.name}: {error}")
        kept = spool.finish()
        found = Collected(item=item.name, exit=ran.exit, file=kept, began=began, command=item.text)
        _record(desk, step, found, ran.stderr)
        desk.say(
            f"  {item.name}: {kept.n} bytes, {kept.sha256[:16]}"
            + ("" if ran.exit in _TOLERABLE else f", exit {ran.exit}")
        )
        if ran.exit not in _TOLERABLE:
            odd.append(f"{item.name} (exit {ran.exit})")
    _manifest(desk, step)
    if any(item.essential and any(one.startswith(f"{item.name} ") for one in odd) for item in wanted):
        return Outcome(result=Progress.FAILED, detail=f"incomplete: {', '.join(odd)}")
    return Outcome.ok(f"{len(wanted)} items" + (f"; with complaints: {', '.join(odd)}" if odd else ""))


def _record(desk: Desk, step: Step, found: Collected, stderr: bytes) -> None:
    files = [found.file]
    if stderr:
        files.append(desk.incident.store(f"{found.file.p}.err", stderr))
    told = {"item": found.item, "exit": found.exit, "began": found.began, "command": found.command}
    desk.incident.record("evidence", desk.place(step), told, tuple(files))


def _manifest(desk: Desk, step: Step) -> None:
    """`sha256sum -c` reads one form, programs the other; the journal holds the hash of both."""
    taken = [entry for entry in desk.incident.journal.entries if entry.kind == "evidence"]
    listed = [(entry, attached) for entry in taken for attached in entry.files]
    plain = "".join(f"{attached.sha256}  {attached.p}\n" for _entry, attached in listed)
    told = json.dumps(
        [{"path": one.p, "sha256": one.sha256, "bytes": one.n, "ended": entry.utc, **entry.data} for entry, one in listed],
        indent=1,
    )  # fmt: skip
    name = desk.incident.next_name(step.id, ".manifest")
    files = (
        desk.incident.store(f"{name}.sha256", plain.encode()),
        desk.incident.store(f"{name}.json", told.encode()),
    )
    desk.incident.record("manifest", desk.place(step), {"items": len(listed)}, files)
