"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
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


def looking(command: F) -> F:
    """Where to look, from where, and how hard: everything that decides what a scan can see."""
    for option in (
        click.option(
            "--dnsbl",
            multiple=True,
            metavar="ZONE",
            help="Ask this blocklist instead of the built-in ones. Repeatable.",
        ),
        click.option(
            "--helo",
            metavar="NAME",
            help="EHLO name; default: this machine's name where it resolves, else its address.",
        ),
        click.option(
            "--port",
            "ports",
            multiple=True,
            type=PortMap(),
            help="The service of a standard port listens elsewhere. Repeatable.",
        ),
        click.option(
            "--concurrency",
            type=click.IntRange(1, 1000),
            default=200,
            show_default=True,
            metavar="N",
            help="Connections at once, over all targets.",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(1, 600),
            default=30.0,
            show_default=True,
            metavar="S",
            help="Seconds for each connection, greylisting included.",
        ),
        click.option(
            "--nameserver",
            "nameservers",
            multiple=True,
            metavar="IP[:PORT]",
            help="Ask this resolver instead of the system's. Repeatable.",
        ),
        click.option(
            "--canary",
            metavar="ADDRESS",
            help="A mailbox of yours: allows tests that hand over one message to it.",
        ),
        click.option("--thorough", is_flag=True, help="Every known relay vector and every port."),
        click.option(
            "--assume-outside",
            is_flag=True,
            help="You vouch that the target does not trust this machine's address: relay tests are graded even from a near one.",
        ),
        click.option("--inside-only", is_flag=True, help="Only what needs a log-in."),
        click.option("--outside-only", is_flag=True, help="Do not log in anywhere."),
        click.option(
            "--ssh",
            "ways_in",
            multiple=True,
            metavar="[USER@]HOST[:PORT]",
            help="Look inside a host that is in no inventory. Repeatable.",
        ),
        click.option(
            "-i",
            "--inventory",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Ansible inventory; its group mail_hosts is scanned, or the TARGETs out of it.",
        ),
    ):
        command = option(command)
    return command


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
            "--format",
            "formats",
            multiple=True,
            metavar="FORMAT",
            help="text (default), json, markdown, html, junit or openmetrics. Repeatable.",
        ),
    ):
        command = option(command)
    return command
