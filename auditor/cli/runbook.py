"""`auditor runbook`."""

from pathlib import Path

import click


@click.group(short_help="Runbooks: read, print and check them.")
def command() -> None:
    """Runbooks: read them here, print them for the day when nothing works, check those you write.

    $AUDITOR_RUNBOOKS names a folder of your own.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_command(as_json: bool) -> None:
    """Every runbook, with what leads to it."""
    from auditor.cli import _runbooks

    click.get_current_context().exit(_runbooks.listing(as_json))


@command.command("show")
@click.argument("name")
@click.option(
    "--mta", type=click.Choice(["postfix", "exim4", "opensmtpd", "sendmail"]), help="Only its commands."
)
@click.option("--debian", type=click.Choice(["12", "13"]), help="Only the commands of this release.")
def show_command(name: str, mta: str | None, debian: str | None) -> None:
    """One runbook on the screen."""
    from auditor.cli import _runbooks

    click.get_current_context().exit(_runbooks.show(name, mta, debian, paper=False))


@command.command("print")
@click.argument("name")
@click.option(
    "--mta", type=click.Choice(["postfix", "exim4", "opensmtpd", "sendmail"]), help="Only its commands."
)
@click.option("--debian", type=click.Choice(["12", "13"]), help="Only the commands of this release.")
def print_command(name: str, mta: str | None, debian: str | None) -> None:
    """A checklist for paper, with blanks for times, names and answers."""
    from auditor.cli import _runbooks

    click.get_current_context().exit(_runbooks.show(name, mta, debian, paper=True))


@command.command("lint")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--vocabulary", is_flag=True, help="List the probes, evidence sets, messages and facts one may use."
)
def lint_command(files: tuple[Path, ...], vocabulary: bool) -> None:
    """Check runbooks and message templates; without FILES all of this installation. Exit 1 when something is wrong."""
    from auditor.cli import _runbooks

    ctx = click.get_current_context()
    ctx.exit(_runbooks.words() if vocabulary else _runbooks.check(files))
