"""`auditor plan`."""

import click

from auditor.cli._choices import looking, selecting


@click.command(short_help="Say which playbooks close what was found.")
@click.argument("targets", nargs=-1, metavar="[SCAN.json | TARGET...]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sh"]),
    default="text",
    show_default=True,
    help="sh is a script of ansible-playbook lines.",
)
@click.option("--allow-unknown", is_flag=True, help="Exit 0 although something could not be seen.")
@looking
@selecting
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    """Say which playbooks, in which order, on which hosts, close what was found, and what people must do.

    Takes a saved `auditor scan --format json`, or scans the TARGETs (without any: the inventory) now.
    Needs -i. Changes nothing.

    \b
    Exit: 0 nothing to repair, 1 something to repair, 2 usage, 3 the scan saw nothing to repair but not all.
    """  # noqa: D301 - \b is click's mark for lines that keep their breaks
    from auditor.cli._planning import plan

    ctx.exit(plan(given))
