"""The DNS as probes see it: one shared, cached, bounded resolver over dnspython's wire format.

dnspython's own stub resolver is left out on purpose: it caches nothing that was absent, opens a socket for
each question and turns a failed server into an empty answer too easily. It also imports a client for HTTPS, which
takes longer than logging in to a host.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from auditor.evidence.dns import Answer, is_address
from auditor.model import Reason
from auditor.net import CannotLook
from auditor.transport.lookup import LookUp, Outcome, Server, Servers

Key = tuple[str, str, bool]
RESOLV_CONF = Path("/etc/resolv.conf")


def read_server(text: str) -> Server:
    """`IP`, `IP:PORT` or `[IPv6]:PORT` -> address and port. Raises ValueError for anything else."""
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        if not bracket:
            raise ValueError(f"{text}: the bracket is not closed")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    number = int(port or "53")
    if not 0 < number < 65536:
        raise ValueError(f"{text}: {number} is no port")
    return str(ip_address(address)), number


def system_servers() -> tuple[Server, ...]:
    """Name servers of this machine (resolv.conf(5)). Raises CannotLook when it has none."""
    try:
        text = RESOLV_CONF.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CannotLook(Reason.UNREACHABLE, f"this machine names no resolver: {error}") from error
    lines = [line.split() for line in text.splitlines()]
    named = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    servers = tuple((address, 53) for address in named if is_address(address))
    if not servers:
        raise CannotLook(Reason.UNREACHABLE, f"this machine names no resolver in {RESOLV_CONF}")
    return servers


class CachingResolver:
    """Implements net.Resolver. Every question goes out once per run, whoever asks, also while in flight."""

    def __init__(
        self,
        servers: Sequence[Server] | None = None,
        *,
        timeout: float = 5.0,
        concurrency: int = 100,
    ) -> None:
        """`timeout`: seconds for one attempt. `concurrency`: questions in the air at once."""
        self._addresses = servers
        self._servers: Servers | None = None
        self._timeout = timeout
        self._free = concurrency
        self._queue: deque[LookUp] = deque()
        self._known: dict[Key, Outcome] = {}
        self._flying: dict[Key, list[asyncio.Future[Outcome]]] = {}

    @property
    def questions(self) -> int:
        """Questions that really went out: what sharing is measured by."""
        return self._servers.asked if self._servers else 0

    async def ask(self, name: str, kind: str, *, checking_disabled: bool = False) -> Answer:
        """See net.Resolver. `checking_disabled` sets CD: the validator hands over what it would refuse."""
        key = (name.rstrip(".").lower(), kind, checking_disabled)
        outcome = self._known.get(key)
        if outcome is None:
            if key not in self._flying:
                self._send_off(key)
            # A future for each who asks: one that gives up does not take the answer from the others.
            mine: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            self._flying[key].append(mine)
            outcome = await mine
        if isinstance(outcome, CannotLook):
            raise CannotLook(outcome.reason, outcome.detail)
        return outcome

    def _send_off(self, key: Key) -> None:
        name, kind, checking_disabled = key
        if self._servers is None:
            self._servers = Servers(self._addresses or system_servers(), self._timeout)
        look_up = LookUp(name, kind, checking_disabled=checking_disabled, conclude=partial(self._landed, key))
        self._flying[key] = []
        if self._free:
            self._free -= 1
            look_up.ask(self._servers)
        else:
            self._queue.append(look_up)

    def _landed(self, key: Key, outcome: Outcome) -> None:
        self._known[key] = outcome
        for waiting in self._flying.pop(key):
            if not waiting.done():
                waiting.set_result(outcome)
        if self._queue and self._servers is not None:
            self._queue.popleft().ask(self._servers)
        else:
            self._free += 1

    async def close(self) -> None:
        """Give back the sockets."""
        if self._servers is not None:
            self._servers.close()
