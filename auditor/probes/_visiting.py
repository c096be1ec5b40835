"""One visit to one door: everything that this scan wants to know there, first in clear, then within TLS."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace

from auditor.evidence.relay import Phase
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Transaction
from auditor.evidence.synchronisation import Injected
from auditor.evidence.vantage import why_trusted
from auditor.evidence.visits import Visited
from auditor.model import Host, Reason, Unavailable
from auditor.net import CannotLook, TlsMode
from auditor.probes._call import Call
from auditor.probes._dialogue import Visit
from auditor.probes._handover import hand_over
from auditor.probes._relaying import relay_phase
from auditor.probes._role_questions import RoleQuestions
from auditor.probes._session import HANDSHAKE, Log, begin_tls, greet, put_questions, transact_once
from auditor.probes._transactions import Envelope


class Once:
    """Something that is done at one door only: the first that is ready for it."""

    def __init__(self) -> None:
        self._left = True

    def take(self) -> bool:
        """True the first time."""
        left, self._left = self._left, False
        return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to ask at a door beyond greeting, EHLO and TLS."""

    envelope: Envelope | None = None
    """For the transaction of the session."""
    questions: tuple[str, ...] = ()
    """VRFY and EXPN."""
    inject: bool = False
    """A command behind STARTTLS, in clear."""
    relay: Host | None = None
    """Try to relay, but from the host itself or from networks that it is known to trust."""
    targets: tuple[str, ...] = ()
    """Addresses of the host."""
    roles: RoleQuestions | None = None
    deliver: Once | None = None
    """Hand over one message with the envelope of the session."""


async def look_in(visit: Visit, plan: Plan) -> Visited:
    """Never raises: what could not be seen says so in its place. Ended by QUIT."""
    call = Call(visit)
    try:
        return await _Visiting(call, plan).look()
    finally:
        await call.leave()


class _Visiting:
    """What has been seen so far at one door."""

    def __init__(self, call: Call, plan: Plan) -> None:
        self._call, self._plan = call, plan
        self._log = Log()
        self._failure: Unavailable | None = None
        self._phases: list[Phase] = []
        self._injected: Injected | Unavailable | None = None

    async def look(self) -> Visited:
        """Everything in its order."""
        await self._greet()
        session = self._door.session
        if isinstance(session, Unavailable):
            self._phases = self._closed(session)
            return self._visited
        self._failure = await self._unless_lost(self._in_clear())
        if self._plan.roles is not None:
            await self._plan.roles.ask(self._call)
        await self._relay(encrypted=session.implicit_tls)
        if session.offers_starttls and not session.implicit_tls:
            if self._failure is None:
                self._failure = await self._unless_lost(self._within_tls())
            await self._relay(encrypted=True)
            if self._plan.roles is not None:
                await self._plan.roles.ask_again(self._call)
        if self._plan.deliver is not None:
            await self._deliver(self._plan.deliver)
        return self._visited

    @property
    def _door(self) -> Door:
        return self._log.door(self._call, self._failure)

    @property
    def _visited(self) -> Visited:
        return Visited(door=self._door, phases=tuple(self._phases), injected=self._injected)

    async def _unless_lost(self, part: Awaitable[None]) -> Unavailable | None:
        """Why the connection was lost in this part."""
        try:
            await part
        except CannotLook as lost:
            await self._call.drop()
            return lost.as_unavailable()
        return None

    async def _greet(self) -> None:
        self._failure = await self._unless_lost(greet(self._call, self._log))
        if self._call.visit.implicit_tls and self._older(self._failure):
            lost = await self._unless_lost(greet(self._call, self._log))
            self._failure = self._failure if lost else None

    def _older(self, failure: Unavailable | None) -> bool:
        """TLS of today failed: from now on all that OpenSSL can speak is offered. False when it was already."""
        visit = self._call.visit
        if failure is None or failure.reason not in HANDSHAKE or visit.mode is not TlsMode.MODERN:
            return False
        self._call.look_back(replace(visit, mode=TlsMode.LEGACY))
        return True

    async def _in_clear(self) -> None:
        if self._plan.envelope is not None:
            name = "transaction"
            await transact_once(self._call, self._plan.envelope, self._log, name)
        await put_questions(self._call, self._plan.questions, self._log)

    async def _within_tls(self) -> None:
        inject = self._plan.inject
        try:
            self._injected = await begin_tls(self._call, self._log, inject=inject)
        except CannotLook as lost:
            await self._call.drop()
            if not isinstance(self._log.facts.get("tls"), Unavailable) or not self._older(
                lost.as_unavailable()
            ):
                raise
            seen = dict(self._log.facts)
            try:
                self._injected = await begin_tls(self._call, self._log, inject=inject)
            except CannotLook:
                self._log.facts = seen
                raise lost from None
        if self._plan.envelope is not None and self._call.encrypted:
            await transact_once(self._call, self._plan.envelope, self._log, "transaction_tls")

    async def _relay(self, *, encrypted: bool) -> None:
        host, session = self._plan.relay, self._door.session
        if host is None or isinstance(session, Unavailable):
            return
        options = self._call.visit.options
        networks = host.declared.trusted_networks
        if not options.assume_outside and why_trusted((session.local,), self._plan.targets, networks):
            return
        if encrypted and isinstance(session.tls, Unavailable):
            self._phases.append(self._phase(encrypted=True, why=session.tls))
            return
        self._phases.append(await relay_phase(self._call, session, host, encrypted=encrypted))

    def _phase(self, *, encrypted: bool, why: Unavailable) -> Phase:
        visit = self._call.visit
        return Phase(address=visit.address, port=visit.port, encrypted=encrypted, unavailable=why)

    def _closed(self, why: Unavailable) -> list[Phase]:
        """Where nothing listens at a port for users, nothing relays; a mail server that refuses is one not seen."""
        if self._plan.relay is None or (self._call.visit.port != 25 and why.reason is Reason.REFUSED):
            return []
        return [self._phase(encrypted=False, why=why)]

    async def _deliver(self, once: Once) -> None:
        """With the transaction that went furthest, if its recipient was taken."""
        encrypted = isinstance(self._log.facts.get("transaction_tls"), Transaction)
        name = "transaction_tls" if encrypted else "transaction"
        transaction = self._log.facts.get(name)
        if not isinstance(transaction, Transaction):
            return
        if isinstance(transaction.rcpt, Reply) and transaction.rcpt.positive and once.take():
            self._log.facts[name] = await hand_over(self._call, transaction, encrypted=encrypted)
