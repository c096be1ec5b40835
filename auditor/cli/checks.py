"""`auditor checks`."""

import click


@click.command(short_help="List what is checked.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
def command(form: str) -> None:
    """List every check with its severity; as Markdown or JSON with its page, remedy and runbook."""
    from auditor.registry import load
    from auditor.report import catalogue

    write = {"text": catalogue.text, "json": catalogue.as_json, "markdown": catalogue.markdown}[form]
    print(write(load()), end="")
