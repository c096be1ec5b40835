"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

SEVERITIES = ("critical", "high", "medium", "low", "info")
PORT_MAX = 65535


class PortMap(click.ParamType[tuple[int, int]]):
    """STANDARD=REAL, for a service that listens elsewhere."""

    name = "STANDARD=REAL"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Both ports, or click's usage error."""
        if isinstance(value, tuple):
            return value
        standard, equals, real = str(value).partition("=")
        if not equals or not (_is_port(standard) and _is_port(real)):
            self.fail(f"{value!a} is not like 25=2525", param, ctx)
        return int(standard), int(real)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) <= PORT_MAX


def selecting(command: F) -> F:
    """--only, --skip, --severity."""
    for option in (
        click.option(
            "--severity",
            type=click.Choice(SEVERITIES),
            default="info",
            help="Only checks at least this severe.",
        ),
        click.option(
            "--skip", multiple=True, metavar="ID|FAMILY", help="Leave out a check or a family. Repeatable."
        ),
        click.option(
            "--only", multiple=True, metavar="ID|FAMILY", help="Only this check or family. Repeatable."
        ),
    ):
        command = option(command)
    return command


def reporting(command: F) -> F:
    """--format, -o, -v, --fail-on, --allow-unknown."""
    for option in (
        click.option("--allow-unknown", is_flag=True, help="Exit 0 although something could not be seen."),
        click.option(
            "--fail-on",
            type=click.Choice(SEVERITIES),
            default="high",
            show_default=True,
            help="Exit 1 when something at least this severe failed.",
        ),
        click.option("-v", "--verbose", is_flag=True, help="List what passed, and every offender."),
        click.option(
            "-o", "outputs", multiple=True, metavar="FILE", help="File of the --format before it. Repeatable."
        ),
        click.option(
            "--format", "formats", multiple=True, metavar="FORMAT", help="text (default), json. Repeatable."
        ),
    ):
        command = option(command)
    return command
