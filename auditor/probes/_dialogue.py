"""Our side of an SMTP dialogue (RFC 5321): exact bytes out, bounded replies in, every wait bounded.

Not smtplib: a probe has to send what no client sends, and to see what smtplib hides.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from auditor.evidence.reply import Malformed, Reply, ReplyParser
from auditor.evidence.smtp import extensions
from auditor.evidence.tls import TlsSession
from auditor.model import Options, Reason
from auditor.net import CannotLook, Network, Stream, TlsMode, TlsOffer

CONVERSATION = 6
"""A whole connection may take this many times the time-out for one reply: a tarpit must end."""
BACK_OFF = (10.0, 20.0)
"""Seconds to wait after a greeting of 421, once each. Postfix counts by the minute, so that much of a burst is
forgotten then; Debian's Sendmail counts over ten minutes and is not waited for."""
BACK_OFF_PER_HOST = sum(BACK_OFF)
"""Seconds that one scan waits for one host at most, all probes together."""
IMPLICIT_TLS = frozenset({465, 993, 995})
MANY = 100
"""Of anything on one connection; Postfix ends it after as many commands that hand in no mail."""
GOODBYE = 5.0
"""Seconds to wait for the answer to QUIT."""


class Dialogue:
    """One connection with an SMTP server. Every method raises CannotLook and nothing else."""

    def __init__(self, stream: Stream, where: str, patience: float) -> None:
        self.stream = stream
        self.where = where
        self._patience = patience
        self._ends = asyncio.get_running_loop().time() + CONVERSATION * patience
        self._parser = ReplyParser()
        self._pending: deque[Reply] = deque()
        self.extensions: dict[str, str] = {}
        self.lag = 0.0
        """Seconds that the last reply was waited for."""

    async def reply(self) -> Reply:
        """The next reply. A 421 raises RATE_LIMITED, for the server has hung up or is about to."""
        reply = await self.any_reply()
        if reply.code == 421:
            raise CannotLook(Reason.RATE_LIMITED, f"{self.where}: {reply}")
        return reply

    async def any_reply(self) -> Reply:
        """The next reply, whatever it says."""
        if self._pending:
            return self._pending.popleft()
        clock = asyncio.get_running_loop().time
        asked = clock()
        try:
            async with asyncio.timeout(min(self._patience, max(0.0, self._ends - asked))):
                while not self._pending:
                    data = await self.stream.receive(16_384)
                    if not data:
                        raise CannotLook(Reason.CONNECTION_LOST, f"{self.where}: hung up on us")
                    self._pending.extend(self._parser.feed(data))
        except Malformed as error:
            raise CannotLook(Reason.PROTOCOL, f"{self.where}: {error}") from error
        except TimeoutError as error:
            told = (
                f"no reply in {self._patience:g} s"
                if clock() < self._ends
                else "the conversation took too long"
            )
            raise CannotLook(Reason.TIMEOUT, f"{self.where}: {told}") from error
        self.lag = clock() - asked
        return self._pending.popleft()

    async def send(self, *lines: str) -> None:
        """Lines in one write, without waiting for replies. Raises PROTOCOL when the server spoke out of turn."""
        self.expect_silence()
        await self.stream.send("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))

    def expect_silence(self) -> None:
        """Raises PROTOCOL when there are more replies than commands: nobody knows then which belongs to which."""
        if self._pending or not self._parser.idle:
            raise CannotLook(Reason.PROTOCOL, f"{self.where}: spoke out of turn")

    async def expect_end(self) -> None:
        """Raises PROTOCOL when the server goes on after what should have been its last word."""
        try:
            reply = await self.any_reply()
        except CannotLook as lost:
            if lost.reason is Reason.CONNECTION_LOST:
                return
            raise
        raise CannotLook(Reason.PROTOCOL, f"{self.where}: spoke out of turn: {reply}")

    async def say(self, line: str) -> Reply:
        """One command and its reply."""
        await self.send(line)
        return await self.reply()

    async def hello(self, name: str) -> Reply:
        """EHLO, or HELO where that is refused (RFC 5321 section 3.2). The last reply is given."""
        reply = await self.say(f"EHLO {name}")
        if reply.code // 100 == 5:
            reply = await self.say(f"HELO {name}")
            self.extensions = {}
        else:
            self.extensions = extensions(reply)
        return reply

    async def start_tls(self, offer: TlsOffer) -> TlsSession:
        """STARTTLS and the handshake; say hello again after it. What came in clear after 220 is thrown away.

        Raises TLS_FAILED when the server refuses.
        """
        reply = await self.say("STARTTLS")
        if reply.code != 220:
            raise CannotLook(Reason.TLS_FAILED, f"{self.where}: STARTTLS was answered {reply}")
        return await self.shake_hands(offer)

    async def shake_hands(self, offer: TlsOffer) -> TlsSession:
        """The handshake alone, for a probe that sent STARTTLS in its own way."""
        self._pending.clear()
        self._parser = ReplyParser()
        return await self.stream.start_tls(offer)

    async def quit(self) -> None:
        """Take leave, as far as the server lets us. Never raises."""
        self._pending.clear()
        with contextlib.suppress(CannotLook, TimeoutError):
            async with asyncio.timeout(min(GOODBYE, self._patience)):
                await self.stream.send(b"QUIT\r\n")
                await self.stream.receive(1_024)


class Rest:
    """Waiting for one host that said 421. Whoever is told so while somebody waits already, waits along."""

    def __init__(self) -> None:
        self._left = BACK_OFF_PER_HOST
        self._over: asyncio.Event | None = None

    async def take(self, network: Network, seconds: float) -> bool:
        """False when this scan has waited long enough for this host."""
        if self._over is not None:
            await self._over.wait()
            return True
        seconds = min(seconds, self._left)
        if seconds <= 0:
            return False
        self._left -= seconds
        self._over = over = asyncio.Event()
        try:
            await network.sleep(seconds)
        finally:
            self._over = None
            over.set()
        return True


class Pace:
    """How much one host bears on one connection, as far as it has shown. One for all that ask it."""

    def __init__(self) -> None:
        self.errors = MANY
        """Refusals; then Postfix waits before each line of a reply, and hangs up after as many again."""
        self.resets = MANY
        """RSET, VRFY and the like; Exim (smtp_accept_max_nonmail) hangs up after ten."""

    def slow_down(self, errors: int) -> None:
        """After so many refusals it began to wait before its replies: next time leave one earlier."""
        self.errors = max(1, min(self.errors, errors - 1))

    def leave_before(self, errors: int) -> bool:
        """It hung up with 421. False when there is nothing left to give up."""
        before, self.errors = self.errors, max(1, min(self.errors - 1, errors))
        return self.errors < before


@dataclass(slots=True)
class _Manners:
    rest: Rest = field(default_factory=Rest)
    pace: Pace = field(default_factory=Pace)


_MANNERS: WeakKeyDictionary[Network, defaultdict[str, _Manners]] = WeakKeyDictionary()
"""By scan, which is one Network, and host."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where to go, and how."""

    network: Network
    options: Options
    address: str
    port: int
    """The standard port; Options says where the service really is."""
    server_name: str
    mode: TlsMode = TlsMode.MODERN

    @property
    def offer(self) -> TlsOffer:
        """For a handshake on this visit."""
        return TlsOffer(server_name=self.server_name, mode=self.mode)

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.address} port {self.options.port(self.port)}"

    @property
    def implicit_tls(self) -> bool:
        """TLS before the greeting (RFC 8314 section 3.3)."""
        return self.port in IMPLICIT_TLS

    @property
    def _manners(self) -> _Manners:
        return _MANNERS.setdefault(self.network, defaultdict(_Manners))[self.server_name]

    @property
    def pace(self) -> Pace:
        """What this host bears, as learned by all probes of this scan together."""
        return self._manners.pace

    async def rest(self, seconds: float) -> bool:
        """Leave the host alone after a 421. False when it has been waited for long enough."""
        return await self._manners.rest.take(self.network, seconds)

    async def connect(self, first: bytes = b"") -> Stream:
        """Only the connection, with TLS where the port has it from the start. `first` as in Network.connect."""
        return await self.network.connect(
            self.address,
            self.options.port(self.port),
            tls=self.offer if self.implicit_tls else None,
            first=first,
        )

    async def call(self) -> tuple[Dialogue, Reply]:
        """A new connection and its greeting (220), tried again after a 421. To be ended by hang_up()."""
        for pause in (*BACK_OFF, None):
            talk = Dialogue(await self.connect(), self.where, self.options.timeout)
            try:
                async with AsyncExitStack() as on_failure:
                    on_failure.push_async_callback(talk.stream.close)
                    banner = await talk.reply()
                    _welcomed(banner, self.where)
                    on_failure.pop_all()
                    return talk, banner
            except CannotLook as reason:
                if reason.reason is not Reason.RATE_LIMITED or pause is None or not await self.rest(pause):
                    raise
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def dialogue(self) -> AsyncIterator[tuple[Dialogue, Reply]]:
        """A dialogue and its greeting (220), ended by QUIT unless something goes wrong."""
        talk, banner = await self.call()
        try:
            yield talk, banner
            await talk.quit()
        finally:
            await talk.stream.close()


def _welcomed(banner: Reply, where: str) -> None:
    """554 is "no SMTP service here", for us at least (RFC 5321 section 3.1); 4yz is "not now"."""
    if banner.code // 100 == 5:
        raise CannotLook(Reason.PROBER_REFUSED, f"{where}: greeted with {banner}")
    if banner.code // 100 == 4:
        raise CannotLook(Reason.TEMPFAIL, f"{where}: greeted with {banner}")
    if banner.code != 220:
        raise CannotLook(Reason.PROTOCOL, f"{where}: greeted with {banner}")
