"""What a host did with mail from a stranger to a stranger."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from auditor.evidence.refusals import Meaning, meaning_of, no_answer, wants_login
from auditor.evidence.relay_vectors import USUAL, VECTORS, Vector
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Transaction
from auditor.model import Observation, Reason, Unavailable

SMTP_PORT = 25
_BY_ID = {vector.id: vector for vector in VECTORS}


class Handover(StrEnum):
    """What an attempt showed about relaying."""

    OPEN = "open"
    CLOSED = "closed"
    SUSPECT = "suspect"
    """Accepted, but by a domain that accepts anything: only a delivered message would tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One vector at one door, before or after TLS."""

    address: str
    port: int
    encrypted: bool
    vector: str
    transaction: Transaction

    @property
    def form(self) -> Vector:
        """The row of the table that was tried."""
        return _BY_ID[self.vector]

    @property
    def observation(self) -> Observation:
        """For the report."""
        return {
            "address": self.address,
            "port": self.port,
            "tls": self.encrypted,
            "vector": self.vector,
            "form": self.form.title,
            "mail_from": self.transaction.sender,
            "rcpt_to": self.transaction.recipient,
            "reply": str(self.transaction.decisive),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """All attempts at one door in one state, with the controls that say what its answers are worth."""

    address: str
    port: int
    encrypted: bool
    attempts: tuple[Attempt, ...] = ()
    control: Transaction | None = None
    """To postmaster of a hosted domain, which has to be accepted (RFC 5321 section 4.5.1)."""
    random: Transaction | None = None
    """To a mailbox that cannot exist: accepted, it makes the domain a catch-all. Asked where it matters."""
    unavailable: Unavailable | None = None
    """Why there are no attempts."""

    @property
    def catches_all(self) -> bool:
        """The domain accepts any local part, so that a rewritten recipient may rightly be one."""
        return _accepted(self.random)

    @property
    def _refuses_everything(self) -> bool:
        """On 25 the control has to pass. Elsewhere it is right to refuse everything before AUTH."""
        control = self.control.decisive if self.control else None
        return (
            self.port == SMTP_PORT
            and isinstance(control, Reply)
            and meaning_of(control) in {Meaning.REFUSED, Meaning.PROBER_REFUSED}
        )

    def outcome(self, attempt: Attempt) -> Handover | Unavailable:
        """What the attempt showed. A refusal that is about us, or comes before the question, shows nothing."""
        transaction = attempt.transaction
        reply = transaction.decisive
        if isinstance(reply, Unavailable):
            return Handover.CLOSED if self._refuses_name(attempt.form, reply) else reply
        if transaction.data is not None:
            return Handover.OPEN if reply.positive else Handover.CLOSED
        if meaning_of(reply) is Meaning.ACCEPTED:
            return Handover.SUSPECT if attempt.form.local and self.catches_all else Handover.OPEN
        return self._doubt(attempt.form, reply) or Handover.CLOSED

    def _refuses_name(self, form: Vector, reply: Unavailable) -> bool:
        """The borrowed EHLO name was refused as such, while the scan's own is taken."""
        return form.helo != USUAL and reply.reason is Reason.PROBER_REFUSED and not _is_about_us(self.control)

    def _doubt(self, form: Vector, reply: Reply) -> Unavailable | None:
        """Why this refusal is none of relaying."""
        meaning = meaning_of(reply)
        if self.port != SMTP_PORT and wants_login(reply):
            return None
        if meaning is Meaning.PROBER_REFUSED and _privileged(form) and not _is_about_us(self.control):
            return None  # a privileged sender from outside was refused as such, while strangers get through
        if meaning is Meaning.REFUSED and self._refuses_everything:
            return Unavailable(
                Reason.PROBER_REFUSED, f"{reply}: and mail for the hosted domain is refused the same way"
            )
        if meaning is Meaning.UNROUTABLE and not form.rewritten:
            return Unavailable(
                Reason.PROBER_REFUSED,
                f"{reply}: the recipient's domain was refused before any rule about relaying; "
                "give --canary, or an EHLO name of this machine that resolves",
            )
        return no_answer(reply)


def _accepted(transaction: Transaction | None) -> bool:
    return (
        transaction is not None and isinstance(transaction.decisive, Reply) and transaction.decisive.positive
    )


def _privileged(form: Vector) -> bool:
    return form.helo != USUAL or not form.sender.startswith("<{F}>")


def _is_about_us(control: Transaction | None) -> bool:
    return (
        control is None
        or isinstance(control.decisive, Unavailable)
        or meaning_of(control.decisive) is Meaning.PROBER_REFUSED
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayAttempts:
    """Everything that was tried on 25, 465 and 587 of every address."""

    phases: tuple[Phase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayTally:
    """The attempts that a check asks about, sorted by what they showed."""

    open: tuple[Observation, ...]
    suspect: tuple[Observation, ...]
    deferred: tuple[Observation, ...]
    unseen: tuple[Unavailable, ...]
    tried: int

    @property
    def headline(self) -> str:
        """The first hole, in one sentence."""
        first = self.open[0]
        layer = " within TLS" if first["tls"] else ""
        return (
            f"mail from {first['mail_from']} to {first['rcpt_to']} was accepted on "
            f"{first['address']} port {first['port']}{layer} ({first['form']})"
        )


def tally(relay: RelayAttempts, wanted: Callable[[Attempt], bool], ports: frozenset[int]) -> RelayTally:
    """Count what was seen. A phase that could not be had counts as unseen."""
    phases = [phase for phase in relay.phases if phase.port in ports]
    seen = [(a, phase.outcome(a)) for phase in phases for a in phase.attempts if wanted(a)]
    needs_tls = tuple(_needs_tls_in_vain(phases))
    return RelayTally(
        open=tuple(a.observation for a, outcome in seen if outcome is Handover.OPEN),
        suspect=tuple(a.observation for a, outcome in seen if outcome is Handover.SUSPECT),
        deferred=tuple(a.observation for a, _ in seen if _deferred(a)),
        unseen=(
            *(phase.unavailable for phase in phases if phase.unavailable),
            *(outcome for _, outcome in seen if isinstance(outcome, Unavailable)),
            *needs_tls,
        ),
        tried=len(seen),
    )


def _deferred(attempt: Attempt) -> bool:
    reply = attempt.transaction.decisive
    return isinstance(reply, Reply) and meaning_of(reply) is Meaning.RELAY_DEFERRED


def _needs_tls_in_vain(phases: list[Phase]) -> Iterator[Unavailable]:
    """Being told to say STARTTLS first is no refusal to relay: what counts is the same door after STARTTLS."""
    after_tls = {(p.address, p.port) for p in phases if p.encrypted and p.attempts}
    for phase in phases:
        for attempt in phase.attempts:
            reply = attempt.transaction.decisive
            if (
                not phase.encrypted
                and (phase.address, phase.port) not in after_tls
                and isinstance(reply, Reply)
                and meaning_of(reply) is Meaning.NEEDS_TLS
            ):
                yield Unavailable(Reason.TLS_FAILED, f"{reply}: and there was no session after STARTTLS")
                break
