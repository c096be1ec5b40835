"""Messages to people outside: a template, filled from the incident, sent by a person who says so.

The tool sends nothing. What it does not know stays a visible blank and is listed, because a message with a guess in
it is worse than one with a hole.
"""

from collections.abc import Mapping
from datetime import UTC, timedelta
from pathlib import Path
from typing import Final

from auditor.evidence.contacts import has_phone, mail_domains
from auditor.runbook.book import key
from auditor.runbook.clock import Instant
from auditor.runbook.desk import Desk
from auditor.runbook.display import escaped
from auditor.runbook.format import Step
from auditor.runbook.shell import PLACEHOLDER, names
from auditor.runbook.state import Progress, State
from auditor.runbook.values import seconds
from auditor.runbook.vocabulary import LANGUAGES, MESSAGE_FIELDS
from auditor.runbook.world import Outcome

_NEXT: Final = "30m"
_BARE: Final = """Subject: {{ incident_id }}

{{ now_utc }}
{{ services }}
{{ cause }}
{{ next_update }}
{{ contact }}
"""


def template(folder: Path, name: str, language: str) -> str:
    """The text of a message template; raises FileNotFoundError."""
    return (folder / f"{name}.{language}.md").read_text("utf-8")


def fields(state: State, now: Instant, titles: Mapping[str, str], every: str | None) -> dict[str, str]:
    """What the incident knows of the fields of a message; only non-empty ones."""
    moment = now.wall()
    done = [
        titles[name]
        for name, known in state.steps.items()
        if known.progress is Progress.OK and name in titles
    ]
    known = {
        "incident_id": state.incident,
        "now_utc": moment.strftime("%Y-%m-%d %H:%M UTC"),
        "now_local": moment.astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "since": state.began or (state.opened.wall().strftime("%Y-%m-%d %H:%M UTC") if state.opened else ""),
        "next_update": (moment + timedelta(seconds=seconds(every or _NEXT)))
        .astimezone(UTC)
        .strftime("%H:%M UTC"),
        "done": "\n".join(f"- {title}" for title in done),
        "isolated": "\n".join(
            f"- {measure.what}, since {measure.since.utc}" for measure in state.temporaries.values()
        ),
    }
    answers = {name: value for name, value in state.values.items() if name in MESSAGE_FIELDS}
    return {name: value for name, value in {**known, **answers}.items() if value}


def fill(text: str, known: Mapping[str, str]) -> tuple[str, list[str]]:
    """The message and the names of the fields that stayed blank. Values lose their control characters."""
    blanks: list[str] = []

    def one(name: str) -> str:
        if name in known:
            return escaped(known[name], keep_lines=True)
        if name not in blanks:
            blanks.append(name)
        return f"[____ {MESSAGE_FIELDS.get(name, name)} ____]"

    return PLACEHOLDER.sub(lambda found: one(found[1]), text), blanks


def dead_end(values: Mapping[str, str]) -> str:
    """The domain of the mailbox named as contact when this very platform serves it, and no telephone stands beside it; else ''.

    Customers of report 004 wrote to a support address on the service that was down, and nobody learned of it.
    """
    contact = values.get("contact", "")
    canary = values.get("mail_canary", "").rpartition("@")[2]
    ours = {*values.get("mail_domains", "").split(), canary.lower(), values.get("host", "").lower()}
    named = mail_domains(contact)
    return named[0] if named and not has_phone(contact) and set(named) <= ours else ""


def send(desk: Desk, step: Step) -> Outcome:
    """Show the filled message, keep it, and ask whether it was sent, and how."""
    language = desk.state.values.get("language", LANGUAGES[0])
    folder = desk.book.runbooks[step.runbook].path.parent / "templates"
    name = step.words.template or ""
    try:
        text = template(folder, name, language if language in LANGUAGES else LANGUAGES[0])
    except OSError:  # at night a bare text is better than none
        desk.say(
            f"  ! There is no template {escaped(name)} in {escaped(language)}; this is the bare minimum."
        )
        text = _BARE
    titles = {key(one): one.label for one in desk.book.steps}
    message, blanks = fill(text, fields(desk.state, desk.world.clock.now(), titles, step.words.every))
    kept = desk.incident.store(desk.incident.next_name(f"{name}.{language}", ".txt"), message.encode())
    for line in message.splitlines():
        desk.say(f"  | {escaped(line)}")
    useless = dead_end({**desk.state.values, "host": desk.state.host}) if "contact" in names(text) else ""
    if useless:
        desk.say(
            f"  ! The contact in this message is a mailbox of {escaped(useless)}, and this incident is about the host that "
            "takes its mail: whoever is hit cannot reach you. Name a telephone or a mailbox elsewhere."
        )
    desk.say(f"  kept as {kept.p}" + (f"; still blank: {', '.join(blanks)}" if blanks else ""))
    if not desk.ask.yes(f"{step.id}.sent", f"Was {name} sent (with every blank filled in or struck out)?"):
        return Outcome.failed("not sent")
    channel = desk.ask.text(
        f"{step.id}.channel", f"Over which channel ({escaped(step.words.channel or 'any')})"
    )
    desk.incident.record(
        "comms",
        desk.place(step),
        {
            "template": name,
            "language": language,
            "channel": channel,
            "blank": blanks,
            **({"contact_served_here": useless} if useless else {}),
        },
        (kept,),
    )
    return Outcome.ok(f"sent over {channel}")
