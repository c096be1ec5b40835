"""`auditor incident`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)


def working(function: F) -> F:
    """The options of every command that writes to the journal."""
    for option in (
        click.option(
            "--role",
            default="",
            metavar="ROLE",
            help="Role in which you act.  [default: the step's, else ops]",
        ),
        click.option("--actor", metavar="NAME", help="Who you are.  [default: login name]"),
        click.option(
            "--answers",
            type=FILE,
            metavar="FILE.yml",
            help="Answers instead of a person: step, what, answer.",
        ),
        click.option(
            "--dir", "incident", metavar="INC", help="Which incident.  [default: the only open one]"
        ),
    ):
        function = option(function)
    return function


class Subcommands(click.Group):
    """Hands every call to auditor.cli._incidents, which is imported when there is something to do."""


@click.group(cls=Subcommands, short_help="Follow a runbook through an incident, with a record that holds.")
def command() -> None:
    """Follow a runbook through an incident: the next step, its commands, its proof, its way back.

    Incidents are kept in $AUDITOR_INCIDENTS, else in ./incidents.

    \b
    Exit: 0 done, 1 a step failed or may not be done, 2 usage,
          3 unknown, not yet, or a question that nobody answered.
    """  # noqa: D301 - \b is click's mark for lines that keep their breaks


def _call(name: str, /, **given: Any) -> None:
    from auditor.cli import _incidents

    click.get_current_context().exit(_incidents.call(name, given))


@command.command("open")
@click.argument("named", required=False, metavar="[RUNBOOK]")
@click.option("--runbook", metavar="NAME", help="The same as RUNBOOK.")
@click.option("--from", "scan", type=FILE, metavar="SCAN.json", help="A saved scan that holds --finding.")
@click.option("--finding", metavar="CHECK", help="The failed check that leads here.")
@click.option("--alert", metavar="NAME", help="The alert that leads here, as a runbook names it.")
@click.option(
    "--host",
    "hosts",
    required=True,
    multiple=True,
    metavar="HOST",
    help="The host it is about, as the inventory names it. Repeatable where the runbook is for several.",
)
@click.option("-i", "--inventory", type=FILE, metavar="FILE", help="Ansible inventory that knows the host.")
@click.option("--ssh", metavar="[USER@]HOST[:PORT]", help="Way in, for a host that is in no inventory.")
@click.option(
    "--var", "variables", multiple=True, metavar="NAME=VALUE", help="A variable or fact. Repeatable."
)
@click.option("--title", metavar="TEXT", help="What it is about.  [default: the runbook's title]")
@click.option(
    "--began",
    default="",
    metavar="TIME",
    help="When it really began, as far as known: 2026-11-21 03:10, UTC.",
)
@working
def open_command(**given: Any) -> None:
    """Open an incident: by hand with a RUNBOOK, from a finding, or from an alert."""
    _call("open", **given)


@command.command("list")
def list_command() -> None:
    """All incidents, the open ones first."""
    _call("list")


@command.command("next")
@click.option("--dry-run", is_flag=True, help="Show the commands, run and write nothing.")
@working
def next_command(**given: Any) -> None:
    """Do the next step."""
    _call("next", **given)


@command.command("run")
@click.option("--phase", metavar="PHASE", help="Every step of this phase that is left.")
@click.option("--step", metavar="STEP", help="This step, in or out of turn.")
@click.option("--all", "everything", is_flag=True, help="Every step that is left, until one is not ok.")
@click.option("--dry-run", is_flag=True, help="Show the commands, run and write nothing.")
@working
def run_command(**given: Any) -> None:
    """Do several steps, or a certain one."""
    _call("run", **given)


@command.command("resume")
@working
def resume_command(**given: Any) -> None:
    """Go on with a step that was interrupted."""
    _call("resume", **given)


@command.command("status")
@click.option("--dir", "incident", metavar="INC", help="Which incident.  [default: the only open one]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status_command(**given: Any) -> None:
    """Where it stands: next step, timers, temporary measures, head of the journal."""
    _call("status", **given)


@command.command("note")
@click.argument("text")
@click.option(
    "--kind",
    type=click.Choice(["note", "hypothesis", "finding", "conclusion", "correction", "custody"]),
    default="note",
    help="custody: evidence changes hands, to whom, when, why, on what.  [default: note]",
)
@click.option(
    "--about", type=int, metavar="SEQ", help="The entry of the journal that it corrects or is about."
)
@working
def note_command(**given: Any) -> None:
    """Write something down."""
    _call("note", **given)


@command.command("answer")
@click.argument("name")
@click.argument("value")
@working
def answer_command(**given: Any) -> None:
    """Tell the value of a variable, or correct one."""
    _call("answer", **given)


@command.command("skip")
@click.argument("step")
@click.option("--reason", required=True, metavar="TEXT", help="Why it is right to leave it out.")
@working
def skip_command(**given: Any) -> None:
    """Leave a step out."""
    _call("skip", **given)


@command.command("undo")
@click.argument("step")
@working
def undo_command(**given: Any) -> None:
    """Take a step back."""
    _call("undo", **given)


@command.command("approve")
@click.argument("step")
@working
def approve_command(**given: Any) -> None:
    """Agree to a step, for half an hour and for the list that was shown."""
    _call("approve", **given)


@command.command("accept")
@working
def accept_command(**given: Any) -> None:
    """Follow an edited runbook from now on."""
    _call("accept", **given)


@command.command("handover")
@click.option("--to", required=True, metavar="NAME", help="Who takes over.")
@working
def handover_command(**given: Any) -> None:
    """Hand over to the next shift, with a note on condition, actions and needs."""
    _call("handover", **given)


@command.command("export")
@click.option("--dir", "incident", metavar="INC", help="Which incident.  [default: the only open one]")
@click.option(
    "--format", "form", type=click.Choice(["md", "html", "csv", "json"]), default="md", show_default=True
)
@click.option("--retrospective", is_flag=True, help="The draft of the retrospective instead of the timeline.")
@click.option("--clear", is_flag=True, help="With addresses and names; without it they become pseudonyms.")
@click.option("-o", "output", type=FILE, metavar="FILE", help="Write there instead of to standard output.")
def export_command(**given: Any) -> None:
    """The timeline, for people who were not there."""
    _call("export", **given)


@command.command("verify")
@click.argument("incident", required=False, metavar="[INC|DIR]")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="SEQ:HEX",
    help="A head that was written on paper. Repeatable.",
)
@click.option(
    "--signers",
    type=FILE,
    metavar="FILE",
    help="Whose signature is wanted: allowed_signers of ssh-keygen(1).",
)
def verify_command(**given: Any) -> None:
    """Is the journal what was written? Names the first line that is not."""
    _call("verify", **given)


@command.command("sign")
@click.option(
    "--key", type=FILE, required=True, envvar="AUDITOR_SIGNING_KEY", metavar="FILE",
    help="Your SSH key; its .pub where an agent holds it.  [env: AUDITOR_SIGNING_KEY]",
)  # fmt: skip
@working
def sign_command(**given: Any) -> None:
    """Vouch for the journal up to now. The signature goes to standard output: keep it elsewhere."""
    _call("sign", **given)


@command.command("close")
@working
def close_command(**given: Any) -> None:
    """End the incident; refused while something is open or temporary."""
    _call("close", **given)


@command.command("reopen")
@click.option("--reason", required=True, metavar="TEXT")
@working
def reopen_command(**given: Any) -> None:
    """Open a closed incident again."""
    _call("reopen", **given)
