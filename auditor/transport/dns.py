"""The DNS as probes see it: one shared, cached, bounded resolver over dnspython's wire format.

dnspython's own stub resolver is left out on purpose: it caches nothing that was absent, opens a socket for
each question and turns a failed server into an empty answer too easily. Its message parser and its TCP
client are used as they are.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

import dns.asyncquery
import dns.exception
import dns.message
import dns.resolver

from auditor.evidence.dns import Answer
from auditor.model import Reason
from auditor.net import CannotLook
from auditor.transport.datagrams import Datagrams
from auditor.transport.dns_message import Question, parse, read, read_absence

ATTEMPTS = 2
"""How often each name server is asked before the answer is "no answer"."""

TRUNCATED = 0x02
"""The TC bit in the third octet (RFC 1035 section 4.1.1): ask again over TCP."""

Outcome = Answer | CannotLook
Server = tuple[str, int]
Key = tuple[str, str, bool]


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
    """Name servers of this machine. Raises CannotLook when it has none."""
    try:
        found = dns.resolver.get_default_resolver()
    except (dns.exception.DNSException, OSError) as error:
        raise CannotLook(Reason.UNREACHABLE, f"this machine names no resolver: {error}") from error
    return tuple((str(server), found.port) for server in found.nameservers if isinstance(server, str))


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
        self._servers = tuple(servers) if servers else None
        self._timeout = timeout
        self._slots = asyncio.Semaphore(concurrency)
        self._known: dict[Key, Outcome] = {}
        self._flying: dict[Key, list[asyncio.Future[Outcome]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._datagrams: dict[Server, Datagrams] = {}
        self.questions = 0
        """Questions that really went out: what sharing is measured by."""

    async def ask(self, name: str, kind: str, *, checking_disabled: bool = False) -> Answer:
        """See net.Resolver. `checking_disabled` sets CD: the validator hands over what it would refuse."""
        key = (name.rstrip(".").lower(), kind, checking_disabled)
        outcome = self._known.get(key)
        if outcome is None:
            outcome = await self._wait(key)
        if isinstance(outcome, CannotLook):
            raise CannotLook(outcome.reason, outcome.detail)
        return outcome

    async def _wait(self, key: Key) -> Outcome:
        """A future for each who asks: one that gives up does not take the answer from the others."""
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[Outcome] = loop.create_future()
        if key in self._flying:
            self._flying[key].append(mine)
        else:
            self._flying[key] = [mine]
            task = loop.create_task(self._find_out(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await mine

    async def close(self) -> None:
        """Give back the sockets."""
        for datagrams in self._datagrams.values():
            datagrams.close()
        self._datagrams.clear()
        await asyncio.sleep(0)  # asyncio closes a socket in the loop's next turn

    async def _find_out(self, key: Key) -> None:
        name, kind, checking_disabled = key
        try:
            async with self._slots:
                outcome: Outcome = await self._ask_servers(name, kind, checking_disabled=checking_disabled)
        except CannotLook as reason:
            outcome = reason
        self._known[key] = outcome
        for waiting in self._flying.pop(key):
            if not waiting.done():
                waiting.set_result(outcome)

    async def _ask_servers(self, name: str, kind: str, *, checking_disabled: bool) -> Answer:
        if self._servers is None:
            self._servers = system_servers()
        question = Question(name, kind, checking_disabled=checking_disabled)
        failure = CannotLook(Reason.UNREACHABLE, "no name server to ask")
        for attempt in range(ATTEMPTS):
            for server in self._servers:
                try:
                    return await self._exchange(question, server, name, kind)
                except CannotLook as reason:
                    failure = CannotLook(reason.reason, f"{kind} {name}: {reason.detail}")
                    if reason.reason not in (Reason.TIMEOUT, Reason.MALFORMED) and len(self._servers) == 1:
                        raise failure from reason
            if failure.reason not in (Reason.TIMEOUT, Reason.MALFORMED):
                break
            await asyncio.sleep(0.05 * attempt)
        raise failure

    async def _exchange(self, question: Question, server: Server, name: str, kind: str) -> Answer:
        if server not in self._datagrams:
            self._datagrams[server] = Datagrams(server)
        self.questions += 1
        try:
            wire = await self._datagrams[server].exchange(question.wire(), self._timeout)
        except OSError as error:
            raise _explain(error, server) from error
        if wire[2] & TRUNCATED:
            return read(await self._over_tcp(question, server), name, kind)
        absent = read_absence(wire, name, kind)
        if absent is not None:
            return absent
        return read(parse(wire, server[0]), name, kind)

    async def _over_tcp(self, question: Question, server: Server) -> dns.message.Message:
        try:
            return await dns.asyncquery.tcp(
                question.message(), server[0], timeout=self._timeout, port=server[1], ignore_trailing=True
            )
        except (OSError, EOFError, ValueError, dns.exception.DNSException) as error:
            raise _explain(error, server) from error


def _explain(error: Exception, server: Server) -> CannotLook:
    where = f"{server[0]} port {server[1]}"
    match error:
        case TimeoutError() | dns.exception.Timeout():
            return CannotLook(Reason.TIMEOUT, f"{server[0]} did not answer in time")
        case ConnectionError():
            return CannotLook(Reason.REFUSED, f"{where}: {error.strerror or error}")
        case OSError() | EOFError():
            return CannotLook(Reason.UNREACHABLE, f"{where}: {error}")
        case _:
            return CannotLook(Reason.MALFORMED, f"{server[0]} answered with a broken message: {error}")
