"""`auditor fix`."""

from pathlib import Path

import click

from auditor.cli._choices import looking, selecting


@click.command(short_help="Repair what was found, and prove it by scanning again.")
@click.argument("targets", nargs=-1, metavar="[SCAN.json | TARGET...]")
@click.option("-y", "--yes", is_flag=True, help="Do not show the changes first and do not ask.")
@click.option(
    "--records",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("fixes"),
    show_default=True,
    metavar="DIR",
    help="Where the record of this fix is kept.",
)
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    default=660.0,
    show_default=True,
    metavar="S",
    help="How long to wait, once per round, for a server that takes no more connections before it is asked again.",
)
@click.option("--allow-unknown", is_flag=True, help="Exit 0 although something could not be seen.")
@looking
@selecting
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    """Repair what was found: show the changes in check mode, ask, apply, scan the same checks again.

    Takes a saved `auditor scan --format json`, or scans the TARGETs (without any: the inventory) first.
    Needs -i. What only the repair brings to light is repaired in a further round. Stops at the first
    playbook that does not come to its end; playbooks restore what they changed when mail does not flow
    afterwards.

    \b
    Exit: 0 all closed, 1 something open or worse, 2 usage,
          3 closed as far as could be seen, 4 a bug of auditor.
    """  # noqa: D301 - \b is click's mark for lines that keep their breaks
    from auditor.cli._fixing import fix

    ctx.exit(fix(given))
