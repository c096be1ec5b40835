"""`auditor demo`."""

import click

from auditor.cli._choices import reporting


@click.command(short_help="Scan a weak mail host that runs inside this program.")
@reporting
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    """Start a badly run mail host on loopback (real SMTP and DNS, no root), scan it, stop it.

    Shows what a report looks like, and touches nothing outside this machine. It ends with exit 0 when the scan
    found what is wrong with that host.
    """
    from auditor.cli._demonstrating import main

    ctx.exit(main(given))
