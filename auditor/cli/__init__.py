"""One module per command: parse, wire, print, exit. Nothing else prints or exits."""

import pkgutil
from importlib import import_module
from typing import Any

import click

from auditor import __version__


class Commands(click.Group):
    """Finds its commands by walking this package, and imports one only when it is called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every module here that is no part of the machinery."""
        return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The attribute `command` of the module with that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="auditor")
def auditor() -> None:
    """Find, close and recover from what is wrong with a mail server."""


def main(*arguments: Any) -> None:
    """Entry point."""
    auditor(*arguments)
