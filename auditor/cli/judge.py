"""`auditor judge`."""

from pathlib import Path

import click

from auditor.cli._choices import reporting


@click.command(short_help="Judge saved evidence again, without a network.")
@click.argument("evidence", type=click.Path(path_type=Path), metavar="EVIDENCE")
@reporting
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    """Say again what `auditor scan --save-evidence EVIDENCE` said: same evidence, same findings, no network.

    Verdicts about expiry use the time when the evidence was taken. Exit codes are those of `auditor scan`.
    """
    from auditor.cli._scanning import judge_saved

    ctx.exit(judge_saved(given))
