"""One whole session at one door, timed step by step, on a connection that other questions share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auditor.evidence.refusals import Meaning, meaning_of, no_answer
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, Transaction
from auditor.evidence.synchronisation import Injected
from auditor.model import Reason, Unavailable
from auditor.net import CannotLook
from auditor.probes._call import Call
from auditor.probes._dialogue import Dialogue
from auditor.probes._transactions import Envelope

HANDSHAKE = frozenset({Reason.TLS_FAILED, Reason.CONNECTION_LOST})
"""How it looks when a server cannot do the TLS that it was offered."""


class Log:
    """What has been seen so far: a session that breaks off keeps what it had."""

    def __init__(self) -> None:
        self.facts: dict[str, object] = {}
        self.seconds: list[tuple[str, float]] = []

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Measure one step by the monotonic clock of the loop."""
        clock = asyncio.get_running_loop().time
        start = clock()
        yield
        self.seconds.append((name, round(clock() - start, 4)))

    def door(self, call: Call, failure: Unavailable | None) -> Door:
        """The session as far as it came; without an answer to EHLO there was none."""
        visit = call.visit
        if failure is not None and "hello" not in self.facts:
            return Door(address=visit.address, port=visit.port, session=failure)
        session = Session(
            **self.facts,  # type: ignore[arg-type]  # filled step by step, under the names of its fields
            implicit_tls=visit.implicit_tls,
            ended=failure,
            seconds=tuple(self.seconds),
        )
        return Door(address=visit.address, port=visit.port, session=session)


async def greet(call: Call, log: Log) -> None:
    """Greeting and EHLO. Raises CannotLook, also where the server will not talk to us, or not now.

    What it would have offered is not seen then: a strict server that cannot look up our name offers no STARTTLS to us.
    """
    async with log.step("connect"):
        talk, banner = await call.connect()
    log.facts |= {"banner": banner, "local": talk.stream.local, "tls": talk.stream.tls}
    async with log.step("hello"):
        hello = await call.greet(helo := call.visit.options.helo)
    if meaning_of(hello) is not Meaning.BROKEN and (silent := no_answer(hello)):
        await call.leave()
        raise CannotLook(silent.reason, f"{call.visit.where}: EHLO {helo}: {silent.detail}")
    log.facts["hello"] = hello


async def transact_once(call: Call, envelope: Envelope, log: Log, name: str) -> None:
    """One transaction as a fact of the session. Raises CannotLook."""
    try:
        async with log.step(name):
            log.facts[name] = await call.try_one(envelope)
    except CannotLook as lost:
        log.facts[name] = Transaction(
            sender=envelope.sender, recipient=envelope.recipient, mail=lost.as_unavailable()
        )
        raise


async def put_questions(call: Call, questions: tuple[str, ...], log: Log) -> None:
    """VRFY and EXPN. A verb that is refused for the first name is not tried with another: errors are counted against us."""
    answers: list[tuple[str, Reply | Unavailable]] = []
    log.facts["questions"] = ()
    refused: set[str] = set()
    for question in questions:
        verb = question.partition(" ")[0]
        if verb in refused:
            continue
        try:
            reply = await call.say(question)
            answers.append((question, reply))
            if not reply.positive:
                refused.add(verb)
        except CannotLook as lost:
            answers.append((question, lost.as_unavailable()))
            raise
        finally:
            log.facts["questions"] = tuple(answers)


async def begin_tls(call: Call, log: Log, *, inject: bool) -> Injected | Unavailable | None:
    """STARTTLS, handshake, EHLO: three facts, never one (a bad certificate is no missing STARTTLS). Raises CannotLook.

    With `inject`, a command goes behind STARTTLS in the same packet (CVE-2011-0411). Only where it was silently
    dropped the session goes on; else the same is done once more without it, on a connection of its own.
    """
    used = call.used
    injected = await _inject(call, log) if inject else None
    if isinstance(injected, Unavailable) and used:
        injected = await _inject(call, log)  # the server may have had enough of that connection
    if injected is Injected.DROPPED and call.encrypted:
        return injected
    helo = call.visit.options.helo
    async with _Kept(log, "starttls"), log.step("starttls"):
        talk = await call.ready(helo)
        log.facts["starttls"] = reply = await talk.say("STARTTLS")
    if reply.code != 220:
        return None
    async with _Kept(log, "tls"), log.step("handshake"):
        log.facts["tls"] = await talk.shake_hands(call.visit.offer)
        call.shook_hands()
    async with _Kept(log, "hello_tls"), log.step("hello_tls"):
        log.facts["hello_tls"] = await call.greet(helo)
    return injected


class _Kept:
    """A fact that could not be had stands in the log as such."""

    def __init__(self, log: Log, name: str) -> None:
        self._log, self._name = log, name

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        if isinstance(failure, CannotLook):
            self._log.facts[self._name] = failure.as_unavailable()


async def _inject(call: Call, log: Log) -> Injected | Unavailable:
    """What became of the NOOP. Unless it was dropped, nothing comes into the log."""
    seen, helo = Log(), call.visit.options.helo
    try:
        talk = await call.ready(helo)
        clear = call.hello
        async with seen.step("starttls"):
            await talk.send("STARTTLS", "NOOP")
            seen.facts["starttls"] = reply = await talk.reply()
        if reply.code != 220:
            await call.drop()
            return Injected.REFUSED
        async with seen.step("handshake"):
            seen.facts["tls"] = await talk.shake_hands(call.visit.offer)
        call.shook_hands()
        async with seen.step("hello_tls"):
            seen.facts["hello_tls"] = hello = await call.greet(helo)
        if len(hello.lines) == 1 and clear is not None and len(clear.lines) > 1:
            return await _told_by_quit(call, talk)
    except CannotLook as lost:
        await call.drop()
        if lost.reason in HANDSHAKE and "starttls" in seen.facts and "tls" not in seen.facts:
            return Injected.FAILED_CLOSED
        return lost.as_unavailable()
    log.facts |= seen.facts
    log.seconds += seen.seconds
    return Injected.DROPPED


async def _told_by_quit(call: Call, talk: Dialogue) -> Injected:
    """One line where there were many: the answer to NOOP, or a server without extensions within TLS.

    QUIT has a code of its own: one reply to come when the NOOP was dropped, two when it was executed.
    """
    await talk.stream.send(b"QUIT\r\n")
    last = await talk.reply()
    await call.drop()
    return Injected.DROPPED if last.code == 221 else Injected.EXECUTED
