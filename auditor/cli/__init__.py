"""One module per command: parse, wire, print, exit. Nothing else prints or exits."""

import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from auditor import __version__

USAGE = 2
INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
PIPE_CLOSED = 141
"""128 + SIGPIPE."""


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


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point. A wrong command line is one sentence on standard error and exit 2."""
    try:
        code = auditor.main(arguments, prog_name="auditor", standalone_mode=False)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "auditor"
        print(f"{command}: {error.format_message()} (see {command} --help)", file=sys.stderr)
        sys.exit(USAGE)
    except click.ClickException as error:
        print(f"auditor: {error.format_message()}", file=sys.stderr)
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        print("auditor: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `auditor checks | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    sys.exit(code if isinstance(code, int) else 0)
