"""Everything that is to be asked at one door, over as few connections as the server bears.

Debian's Sendmail counts ten connections of one address in ten minutes and forgives any number of refusals on one;
Postfix begins to wait after ten refusals, hardened after three; Exim hangs up after ten RSET; OpenSMTPD takes one EHLO.
So one connection is kept until the server shows that it has had enough, and what it showed is remembered.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, takewhile

from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Transaction
from auditor.evidence.tls import TlsSession
from auditor.model import Reason, Unavailable
from auditor.net import CannotLook
from auditor.probes._dialogue import BACK_OFF_PER_HOST, Dialogue, Pace, Visit
from auditor.probes._transactions import Envelope, Patience, burst, first_group, limited, one

BURST = 3
"""Envelopes at once: hardened servers (smtpd_soft_error_limit = 3) begin to wait after as many refusals."""
CAREFUL = range(9, 13)
"""Refusals around which one envelope goes at a time: at the tenth Postfix begins to wait before each line."""
PUNISHED = 0.8
"""Seconds by which a reply to RSET comes later than one to EHLO, when a server slows us down; Postfix takes one."""
LOST_CONNECTIONS = 3
"""Then the rest stays unseen: a server that wants no more of us is left alone."""


class _Refused(CannotLook):
    """The EHLO name was refused as such."""


class Call:
    """At most one connection, in clear or within TLS; a new one when it is lost, spoilt or in the wrong state."""

    def __init__(self, visit: Visit, pace: Pace | None = None) -> None:
        self.visit = visit
        self.pace = pace or visit.pace
        self.hello: Reply | None = None
        """To the last EHLO of the open connection."""
        self.encrypted = visit.implicit_tls
        self._talk: Dialogue | None = None
        self._helo = ""
        self._errors = self._resets = 0
        self._ordinary = 0.0
        self._pipelined, self._bursting = True, False
        self._known: dict[tuple[bool, Envelope], Transaction] = {}
        self._closed: dict[bool, CannotLook] = {}
        self._silences = 0
        self._refused: dict[tuple[bool, str], _Refused] = {}

    async def connect(self) -> tuple[Dialogue, Reply]:
        """A connection of its own, nothing said yet, and its greeting."""
        await self.leave()
        self._talk, banner = await self.visit.call()
        self._helo, self._errors, self._resets, self.hello = "", 0, 0, None
        self.encrypted = self.visit.implicit_tls
        return self._talk, banner

    async def greet(self, helo: str) -> Reply:
        """EHLO on the open connection."""
        assert self._talk is not None
        first, self._helo = not self._helo, ""
        self._resets += not first
        self.hello = reply = await self._talk.hello(helo)
        if reply.positive:
            self._helo, self._ordinary = helo, self._talk.lag
        elif first:
            refusal = _Refused(Reason.PROBER_REFUSED, f"{self.visit.where}: EHLO {helo}: {reply}")
            self._refused[self.encrypted, helo] = refusal
        return reply

    async def ready(self, helo: str, *, encrypted: bool = False) -> Dialogue:
        """A connection in that state that has said EHLO with that name. Raises CannotLook."""
        encrypted = encrypted or self.visit.implicit_tls
        for state in {self.visit.implicit_tls, encrypted}:
            if refused := self._refused.get((state, helo)):
                raise refused
        if self._spent or (self.encrypted and not encrypted):
            await self.leave()
        if self._helo and await self._turned(helo, encrypted=encrypted):
            assert self._talk is not None
            return self._talk
        if self._talk is None:
            await self.connect()
        if not self._helo:
            await self._introduce(helo)
        if self._begins_tls(encrypted):
            await self.start_tls()
            await self._introduce(helo)
        assert self._talk is not None
        return self._talk

    @property
    def used(self) -> bool:
        """The open connection has more behind it than a greeting: what happens on it may be for that."""
        return self._talk is not None and self._resets + self._errors > 0

    async def _turned(self, helo: str, *, encrypted: bool) -> bool:
        """The open connection is in that state and has said EHLO with that name. False when a new one is needed."""
        begins = self._begins_tls(encrypted)
        try:
            if begins:
                await self.start_tls()
            if self._helo == helo or (await self.greet(helo)).positive:
                return True
            await self.leave()  # OpenSMTPD takes one EHLO: "Already identified" is not about the name
        except CannotLook as lost:
            used = self.used
            await self.drop()
            if not used:
                raise
            # The server had enough of this connection, which says nothing of another.
            if not begins and lost.reason is Reason.CONNECTION_LOST:
                self.pace.resets = max(1, min(self.pace.resets, self._resets))
        return False

    async def _introduce(self, helo: str) -> None:
        """EHLO where none was said in this state. Raises CannotLook."""
        await self.greet(helo)
        if refused := self._refused.get((self.encrypted, helo)):
            raise refused

    def _begins_tls(self, encrypted: bool) -> bool:
        return encrypted and not self.encrypted

    async def start_tls(self) -> TlsSession:
        """STARTTLS and handshake on the open connection. Raises CannotLook."""
        assert self._talk is not None
        session = await self._talk.start_tls(self.visit.offer)
        self.shook_hands()
        return session

    def shook_hands(self) -> None:
        """The open connection is within TLS now, where EHLO has to be said anew."""
        self.encrypted, self._helo = True, ""

    def look_back(self, visit: Visit) -> None:
        """From now on by other means: the next connection makes this visit."""
        self.visit = visit
        self._closed.clear()

    @property
    def _spent(self) -> bool:
        return self._errors >= self.pace.errors or self._resets >= self.pace.resets

    async def leave(self) -> None:
        """QUIT, if there is a connection. Never raises."""
        if (talk := self._forget()) is not None:
            await talk.quit()
            await talk.stream.close()

    async def drop(self) -> None:
        """Hang up without a word: it would be taken for something else. Never raises."""
        if (talk := self._forget()) is not None:
            await talk.stream.close()

    def _forget(self) -> Dialogue | None:
        talk, self._talk, self._helo = self._talk, None, ""
        self.encrypted = self.visit.implicit_tls
        return talk

    async def say(self, line: str) -> Reply:
        """A command without envelope, on the connection that there is. Raises CannotLook."""
        talk = await self.ready(self._helo or self.visit.options.helo, encrypted=self.encrypted)
        reply = await talk.say(line)
        self._resets += 1
        self._errors += not reply.positive
        return reply

    async def try_one(self, envelope: Envelope) -> Transaction:
        """One envelope, command by command, on the connection that there is. Raises CannotLook."""
        encrypted, done = self.encrypted, list[Transaction]()
        talk = await self.ready(envelope.helo, encrypted=encrypted)
        await self._count(done, await one(talk, envelope, done))
        if not limited(done[0]):
            self._known[encrypted, envelope] = done[0]
        return done[0]

    async def ask(
        self, envelopes: Sequence[Envelope], *, encrypted: bool = False, at_once: bool = True
    ) -> tuple[Transaction, ...]:
        """What came of each envelope, in order. Never raises: failures are in there. Nothing is asked twice.

        Not `at_once` where MAIL is likely to be refused already, so that fewer errors count against us.
        """
        encrypted = encrypted or self.visit.implicit_tls
        done: list[Transaction] = []
        losses, last = 0, Unavailable(Reason.CONNECTION_LOST, "")
        while len(done) < len(envelopes) and losses < LOST_CONNECTIONS:
            left = envelopes[len(done) :]
            if known := self._known.get((encrypted, left[0])):
                done.append(known)
                continue
            if encrypted in self._closed:
                last = self._closed[encrypted].as_unavailable()
                return (*done, *(e.became(last) for e in left))
            try:
                await self._some(left, done, encrypted=encrypted, at_once=at_once)
            except _Refused as refused:
                await self.leave()
                done.extend(e.became(refused.as_unavailable()) for e in first_group(left))
            except CannotLook as lost:
                await self.drop()
                self._silences += lost.reason is Reason.TIMEOUT
                if self._silences >= LOST_CONNECTIONS:  # a tarpit: no question more, in either state
                    self._closed = dict.fromkeys((False, True), lost)
                if encrypted in self._closed or self._learned(lost):
                    continue
                losses, last = losses + 1, lost.as_unavailable()
                done.append(envelopes[len(done)].became(last))
            if done and limited(done[-1]):
                await self.leave()
                last = Unavailable(Reason.RATE_LIMITED, str(done[-1].decisive))
                if not await self.visit.rest(BACK_OFF_PER_HOST / 2):
                    break
                del done[next(index for index, t in enumerate(done) if limited(t)) :]
        given_up = replace(last, detail=f"given up, {losses} connections were lost: {last.detail}")
        return (*done, *(e.became(given_up) for e in envelopes[len(done) :]))

    async def _some(
        self, left: Sequence[Envelope], done: list[Transaction], *, encrypted: bool, at_once: bool
    ) -> None:
        """As many as go at once on this connection. Raises CannotLook."""
        talk = await self._state(left[0].helo, encrypted=encrypted)
        before = len(done)
        self._bursting = at_once and self._pipelined and "PIPELINING" in talk.extensions
        if self._bursting:
            new = takewhile(lambda e: (encrypted, e) not in self._known, first_group(left))
            group = list(islice(new, self._at_once))
            patience = await burst(talk, group, done)
        else:
            group = [left[0]]
            patience = await one(talk, left[0], done)
        asked = done[before:]
        self._known |= {(encrypted, e): t for e, t in zip(group, asked, strict=False) if not limited(t)}
        await self._count(asked, patience)

    async def _state(self, helo: str, *, encrypted: bool) -> Dialogue:
        """As ready(); remembers what cannot be had, so that it is not tried again."""
        try:
            return await self.ready(helo, encrypted=encrypted)
        except _Refused:
            raise
        except CannotLook as failure:
            self._closed[encrypted] = failure
            if self._talk is None:
                self._closed[not encrypted] = failure
            raise

    @property
    def _at_once(self) -> int:
        if self._errors in CAREFUL:
            return 1
        until = min(self.pace.errors, CAREFUL.start if self._errors < CAREFUL.start else self.pace.errors)
        return max(
            1, min(BURST - self._errors % BURST, until - self._errors, self.pace.resets - self._resets)
        )

    async def _count(self, asked: Sequence[Transaction], patience: Patience) -> None:
        self._resets += len(asked)
        self._errors += patience.refusals
        if not patience.going_on:
            self.pace.resets = max(1, min(self.pace.resets, self._resets) - 1)
            await self.leave()
        elif self._errors and patience.lag > self._ordinary + PUNISHED and await self._punished():
            self.pace.slow_down(self._errors)

    async def _punished(self) -> bool:
        """Whether it was no look-up that took so long: for RSET there is nothing to look up."""
        assert self._talk is not None
        self._resets += 1
        await self._talk.say("RSET")
        return self._talk.lag > self._ordinary + PUNISHED

    def _learned(self, lost: CannotLook) -> bool:
        """Whether the loss taught something, so that the same can be asked again."""
        if lost.reason is Reason.RATE_LIMITED and self._errors and self.pace.leave_before(self._errors):
            return True
        if self._bursting:
            self._pipelined = self._bursting = False
            return True
        return False


async def transact(
    visit: Visit, envelopes: Sequence[Envelope], *, encrypted: bool = False, pace: Pace | None = None
) -> tuple[Transaction, ...]:
    """What came of each envelope, in order, over connections of its own. Never raises."""
    call = Call(visit, pace)
    try:
        return await call.ask(envelopes, encrypted=encrypted)
    finally:
        await call.leave()
