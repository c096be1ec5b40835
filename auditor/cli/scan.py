"""`auditor scan`."""

from pathlib import Path

import click

from auditor.cli._choices import PortMap, reporting, selecting


@click.command(short_help="Look at mail hosts and domains, from outside and inside.")
@click.argument("targets", nargs=-1, metavar="TARGET...")
@click.option(
    "-i",
    "--inventory",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Ansible inventory; its group mail_hosts is scanned, or the TARGETs out of it.",
)
@click.option(
    "--ssh",
    "ways_in",
    multiple=True,
    metavar="[USER@]HOST[:PORT]",
    help="Look inside a host that is in no inventory. Repeatable.",
)
@click.option("--outside-only", is_flag=True, help="Do not log in anywhere.")
@click.option("--inside-only", is_flag=True, help="Only what needs a log-in.")
@selecting
@click.option(
    "--assume-outside",
    is_flag=True,
    help="You vouch that the target does not trust this machine's address: relay tests are graded even from a near one.",
)
@click.option("--thorough", is_flag=True, help="Every known relay vector and every port.")
@click.option(
    "--canary", metavar="ADDRESS", help="A mailbox of yours: allows tests that hand over one message to it."
)
@click.option(
    "--nameserver",
    "nameservers",
    multiple=True,
    metavar="IP[:PORT]",
    help="Ask this resolver instead of the system's. Repeatable.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 600),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds for each connection, greylisting included.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    default=200,
    show_default=True,
    metavar="N",
    help="Connections at once, over all targets.",
)
@click.option(
    "--port",
    "ports",
    multiple=True,
    type=PortMap(),
    help="The service of a standard port listens elsewhere. Repeatable.",
)
@click.option(
    "--helo",
    metavar="NAME",
    help="EHLO name; default: this machine's name where it resolves, else its address.",
)
@click.option(
    "--dnsbl",
    multiple=True,
    metavar="ZONE",
    help="Ask this blocklist instead of the built-in ones. Repeatable.",
)
@reporting
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    r"""Look at mail hosts and domains, from outside and, where there is a way in, from inside.

    TARGET is a host name, a domain or an address. Inside needs -i or --ssh. Nothing is changed anywhere, no
    password is guessed, and no mail is handed over without --canary.

    \b
    Exit: 0 nothing at or above --fail-on and nothing unknown, 1 findings, 2 usage,
          3 incomplete (something could not be seen), 4 a bug of auditor.
    """
    from auditor.cli._scanning import main

    ctx.exit(main(given))
