"""A network that says what the test wrote down: no socket, no clock, no waiting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from auditor.evidence.dns import Answer, Existence
from auditor.evidence.tls import TlsSession
from auditor.model import Reason, SshTarget
from auditor.net import CannotLook, Shell, ShellResult, Stream, TlsOffer

Script = list[bytes | CannotLook | TlsSession]


def answer(name: str, kind: str, *records: str, secure: bool = False, canonical: str = "") -> Answer:
    """A positive answer, or NODATA without records."""
    return Answer(
        name=name,
        kind=kind,
        existence=Existence.FOUND if records else Existence.NODATA,
        records=records,
        canonical=canonical or name,
        ttl=300,
        secure=secure,
    )


class ScriptedResolver:
    """Answers from a table; what is not in it is NXDOMAIN, what is a CannotLook is raised."""

    def __init__(self, table: Mapping[tuple[str, str], tuple[str, ...] | Answer | CannotLook]) -> None:
        self.table = table
        self.asked: list[tuple[str, str]] = []

    async def ask(self, name: str, kind: str, *, checking_disabled: bool = False) -> Answer:
        self.asked.append((name, kind))
        found = self.table.get((name, kind))
        if checking_disabled:  # what the zone holds although it does not validate: written as "kind +cd"
            found = self.table.get((name, f"{kind} +cd"), found)
        if isinstance(found, CannotLook):
            raise found
        if isinstance(found, Answer):
            return found
        if found is None:
            exists = any(known == name or known.endswith(f".{name}") for known, _ in self.table)
            existence = Existence.NODATA if exists else Existence.NXDOMAIN
            return Answer(name=name, kind=kind, existence=existence, canonical=name)
        return answer(name, kind, *found)


@dataclass
class ScriptedStream:
    """Hands out the chunks of its script in order; bytes sent are kept in `sent`."""

    script: Script
    peer: str = "198.51.100.10"
    local: str = "203.0.113.10"
    tls: TlsSession | None = None
    sent: bytearray = field(default_factory=bytearray)
    closed: bool = False

    async def receive(self, limit: int) -> bytes:
        if not self.script:
            return b""
        chunk = self.script.pop(0)
        if isinstance(chunk, CannotLook):
            raise chunk
        assert isinstance(chunk, bytes), "the script has a TLS session where the client reads"
        if len(chunk) > limit:
            self.script.insert(0, chunk[limit:])
        return chunk[:limit]

    async def send(self, data: bytes) -> None:
        self.sent += data

    async def start_tls(self, offer: TlsOffer) -> TlsSession:
        step = self.script.pop(0)
        if isinstance(step, CannotLook):
            raise step
        assert isinstance(step, TlsSession), "the script has bytes where the client shakes hands"
        self.tls = step
        return step

    async def close(self) -> None:
        self.closed = True


class ScriptedShell:
    """Runs nothing: gives one result for every program."""

    def __init__(self, result: Callable[[str], ShellResult]) -> None:
        self._result = result

    async def run(self, program: str, *, timeout: float, limit: int) -> ShellResult:
        return self._result(program)

    async def close(self) -> None:
        pass


class ScriptedNetwork:
    """Connections are made by `dial`, a function (address, port) -> stream that may raise CannotLook."""

    def __init__(
        self,
        table: Mapping[tuple[str, str], tuple[str, ...] | Answer | CannotLook] | None = None,
        *,
        dial: Callable[[str, int], Stream] | None = None,
        shell: Callable[[str], ShellResult] | None = None,
        at: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
    ) -> None:
        self.resolver = ScriptedResolver(table or {})
        self._dial = dial
        self._shell = shell
        self.at = at
        self.slept: list[float] = []

    async def connect(
        self,
        address: str,
        port: int,
        *,
        tls: TlsOffer | None = None,
        timeout: float | None = None,
        first: bytes = b"",
    ) -> Stream:
        if self._dial is None:
            raise CannotLook(Reason.REFUSED, f"{address} port {port}: connection refused")
        stream = self._dial(address, port)
        if first:
            await stream.send(first)
        return stream

    async def shell(self, target: SshTarget) -> Shell:
        if self._shell is None:
            raise CannotLook(Reason.SSH_AUTH, f"{target.host}: permission denied")
        return ScriptedShell(self._shell)

    def local_addresses(self) -> frozenset[str]:
        return frozenset({"203.0.113.10", "127.0.0.1"})

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
