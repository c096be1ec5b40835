"""`auditor scan`."""

from pathlib import Path

import click

from auditor.cli._choices import looking, reporting, selecting


@click.command(short_help="Look at mail hosts and domains, from outside and inside.")
@click.argument("targets", nargs=-1, metavar="TARGET...")
@looking
@selecting
@click.option(
    "--save-evidence",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep what was seen; `auditor judge FILE` says the same without a network.",
)
@reporting
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    """Look at mail hosts and domains, from outside and, where there is a way in, from inside.

    TARGET is a host name, a domain or an address. Inside needs -i or --ssh. Nothing is changed anywhere, no
    password is guessed, and no mail is handed over without --canary.

    \b
    Exit: 0 nothing at or above --fail-on and nothing unknown, 1 findings, 2 usage,
          3 incomplete (something could not be seen), 4 a bug of auditor.
    """  # noqa: D301 - \b is click's mark for lines that keep their breaks
    from auditor.cli._scanning import main

    ctx.exit(main(given))
