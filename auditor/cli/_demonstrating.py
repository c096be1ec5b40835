"""Wire the demonstration: start the weak host, scan it as a user would, say what to do next."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from auditor.cli import _output
from auditor.cli._exits import Exit
from auditor.cli._network import real_network
from auditor.cli._scanning import INTERRUPTED, Terminal, report, watch
from auditor.demo.host import WeakHost, weak_host
from auditor.discover import Target
from auditor.model import Options
from auditor.net import Network
from auditor.registry import Registry, load
from auditor.scan import Request, Scan, conclude

TIMEOUT = 5.0
"""Seconds; everything is on this machine."""
AFTERWARDS = """
That was a host made to fail. Now one of yours (nothing is changed on it, no mail is handed over):
    make scan HOST=mx1.example.org           or   auditor scan mx1.example.org
    auditor scan -i inventory.yml            also looks inside, over SSH; see inventory.example.yml
"""


def main(given: Mapping[str, Any], *, terminal: Terminal | None = None) -> int:
    """Gives 0 when the weak host was seen to be weak; a demonstration that finds nothing is broken."""
    terminal = terminal or Terminal(sys.stdout, sys.stderr)
    try:
        pairs = _output.pair(given["formats"], given["outputs"])
        registry = load()
        scan = asyncio.run(demonstrate(registry, terminal))
        code = report(scan, registry, given, pairs, terminal)
    except _output.BadOutput as error:
        return terminal.refuse(error)
    except KeyboardInterrupt:
        print("\nauditor: interrupted; nothing was written", file=terminal.err)
        return INTERRUPTED
    print(AFTERWARDS, end="", file=terminal.err)
    return Exit.CLEAN if code is Exit.FINDINGS else Exit.CRASH


async def demonstrate(registry: Registry, terminal: Terminal) -> Scan:
    """Scan the weak host from outside."""
    async with weak_host() as host:
        print(f"auditor: a weak mail host for {host.domain} runs on loopback", file=terminal.err)
        request = Request(
            targets=(Target(host.domain),),
            options=Options(
                timeout=TIMEOUT,
                assume_outside=True,
                helo="scanner.example",
                label="0123456789ab",
                ports=host.ports,
            ),
        )
        return conclude(await watch(request, registry, lambda: _network(host), terminal.err), registry)


@asynccontextmanager
async def _network(host: WeakHost) -> AsyncIterator[Network]:
    async with real_network((host.nameserver,), timeout=TIMEOUT, concurrency=50) as network:
        yield network
