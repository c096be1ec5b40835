"""`auditor explain`."""

import click


@click.command(short_help="Show one check: what, why, how it is tested, how it is repaired.")
@click.argument("check", metavar="ID")
def command(check: str) -> None:
    """Show the page of one check: what, why, how it is tested, remedy, runbook, references."""
    from auditor.registry import load
    from auditor.report import catalogue

    registry = load()
    if check not in registry.checks:
        from difflib import get_close_matches

        near = get_close_matches(check, registry.checks, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ": see `auditor checks`"
        raise click.UsageError(f"{check!a} is no check{hint}")
    print(f"# {check}\n")
    print("\n".join(catalogue.page(registry.checks[check], registry)))
