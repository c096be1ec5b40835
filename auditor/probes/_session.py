"""One whole session at one door, timed step by step."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, Transaction
from auditor.model import Reason, Unavailable
from auditor.net import CannotLook, TlsMode
from auditor.probes._dialogue import Dialogue, Visit
from auditor.probes._transactions import Envelope, one


class _Log:
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


async def _try_transaction(talk: Dialogue, envelope: Envelope, log: _Log, name: str) -> None:
    try:
        async with log.step(name):
            log.facts[name] = await one(talk, envelope)
    except CannotLook as lost:
        log.facts[name] = Transaction(
            sender=envelope.sender, recipient=envelope.recipient, mail=lost.as_unavailable()
        )
        raise


async def _try_tls(talk: Dialogue, visit: Visit, log: _Log) -> bool:
    """STARTTLS, handshake, EHLO: three facts, never one (a bad certificate is no missing STARTTLS)."""
    try:
        async with log.step("starttls"):
            reply = await talk.say("STARTTLS")
        log.facts["starttls"] = reply
        if reply.code != 220:
            return False
    except CannotLook as lost:
        log.facts["starttls"] = lost.as_unavailable()
        raise
    try:
        async with log.step("handshake"):
            log.facts["tls"] = await talk.shake_hands(visit.offer)
    except CannotLook as lost:
        log.facts["tls"] = lost.as_unavailable()
        raise
    try:
        async with log.step("hello_tls"):
            log.facts["hello_tls"] = await talk.hello(visit.options.helo)
    except CannotLook as lost:
        log.facts["hello_tls"] = lost.as_unavailable()
        raise
    return True


async def _ask(talk: Dialogue, questions: tuple[str, ...], log: _Log) -> None:
    """A verb that is refused for the first name is not tried with another: errors are counted against us."""
    answers: list[tuple[str, Reply | Unavailable]] = []
    log.facts["questions"] = ()
    refused: set[str] = set()
    for question in questions:
        verb = question.partition(" ")[0]
        if verb in refused:
            continue
        try:
            reply = await talk.say(question)
            answers.append((question, reply))
            if not reply.positive:
                refused.add(verb)
        except CannotLook as lost:
            answers.append((question, lost.as_unavailable()))
            raise
        finally:
            log.facts["questions"] = tuple(answers)


async def _converse(visit: Visit, log: _Log, envelope: Envelope | None, questions: tuple[str, ...]) -> None:
    async with visit.dialogue() as (talk, banner):
        log.facts |= {"banner": banner, "local": talk.stream.local, "tls": talk.stream.tls}
        async with log.step("hello"):
            log.facts["hello"] = await talk.hello(visit.options.helo)
        if envelope is not None:
            await _try_transaction(talk, envelope, log, "transaction")
        await _ask(talk, questions, log)
        offered = not visit.implicit_tls and "STARTTLS" in talk.extensions
        if offered and await _try_tls(talk, visit, log) and envelope is not None:
            await _try_transaction(talk, envelope, log, "transaction_tls")


async def hold_session(
    visit: Visit, *, envelope: Envelope | None = None, questions: tuple[str, ...] = ()
) -> Door:
    """The session at this door, or why there was none. Where TLS of today fails, all that OpenSSL can speak is tried."""
    door = await _hold(visit, envelope, questions)
    session = door.session
    failed = session.tls if isinstance(session, Session) else session
    if isinstance(failed, Unavailable) and failed.reason in _HANDSHAKE and visit.mode is TlsMode.MODERN:
        older = await _hold(replace(visit, mode=TlsMode.LEGACY), envelope, questions)
        if isinstance(older.session, Session) and not isinstance(older.session.tls, Unavailable):
            return older
    return door


_HANDSHAKE = frozenset({Reason.TLS_FAILED, Reason.CONNECTION_LOST})


async def _hold(visit: Visit, envelope: Envelope | None, questions: tuple[str, ...]) -> Door:
    log = _Log()
    failure: Unavailable | None = None
    try:
        async with log.step("whole"):
            await _converse(visit, log, envelope, questions)
    except CannotLook as lost:
        failure = lost.as_unavailable()
    if failure is not None and "hello" not in log.facts:
        return Door(address=visit.address, port=visit.port, session=failure)
    session = Session(
        **log.facts,  # type: ignore[arg-type]  # filled step by step, under the names of its fields
        implicit_tls=visit.implicit_tls,
        ended=failure,
        seconds=tuple(log.seconds),
    )
    return Door(address=visit.address, port=visit.port, session=session)
