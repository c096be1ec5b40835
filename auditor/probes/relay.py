"""Mail from strangers to strangers, as far as RCPT; further only with the operator's consent.

Each door is asked before and after STARTTLS, because rules differ there, and 530 "STARTTLS first" is no refusal.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from auditor.evidence.dns import HostAddresses
from auditor.evidence.refusals import Meaning, meaning_of
from auditor.evidence.relay import Attempt, Handover, Phase, RelayAttempts
from auditor.evidence.relay_vectors import USUAL, VECTORS, Vector
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, SmtpSessions, SubmissionSessions, Transaction, extensions
from auditor.evidence.vantage import Vantage
from auditor.model import Host, Options, Reason, Unavailable
from auditor.net import CannotLook, Network, TlsMode
from auditor.probes._dialogue import Visit
from auditor.probes._handover import hand_over
from auditor.probes._names import foreign_recipient, nobody, our_sender
from auditor.probes._transactions import Envelope, transact

CONFIRMATIONS = 3
"""Messages handed over at most, of all that were accepted at RCPT, and only to the operator's canary."""
NOTHING_THERE = frozenset({Reason.REFUSED})
"""A port at which nothing listens relays nothing: no phase for 465 and 587."""


async def relay_attempts(
    host: Host,
    addresses: HostAddresses,
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    vantage: Vantage,
    network: Network,
    options: Options,
) -> RelayAttempts:
    """Every vector at every door. From a trusted place nothing is tried: CannotLook(TRUSTED_VANTAGE)."""
    if vantage.trusted_because is not None:
        raise CannotLook(Reason.TRUSTED_VANTAGE, vantage.trusted_because)
    doors = [
        *_doors(addresses, smtp, (25,)),
        *(door for door in _doors(addresses, submission, (587, 465)) if not _nothing_there(door)),
    ]
    visits = [_visit(door, host, network, options) for door in doors]
    phases = await asyncio.gather(
        *(
            _phase(visit, door, host, encrypted=encrypted)
            for visit, door in zip(visits, doors, strict=True)
            for encrypted in _states(door)
        )
    )
    return RelayAttempts(phases=await _confirm(phases, host, network, options))


def _doors(
    addresses: HostAddresses, seen: SmtpSessions | SubmissionSessions | Unavailable, ports: tuple[int, ...]
) -> tuple[Door, ...]:
    if not isinstance(seen, Unavailable):
        return seen.doors
    return tuple(Door(address=a, port=p, session=seen) for a in addresses.every for p in ports)


def _nothing_there(door: Door) -> bool:
    return isinstance(door.session, Unavailable) and door.session.reason in NOTHING_THERE


def _visit(door: Door, host: Host, network: Network, options: Options) -> Visit:
    """Any TLS will do: what is asked is the relay policy behind it."""
    return Visit(network, options, door.address, door.port, host.name, TlsMode.LEGACY)


def _states(door: Door) -> tuple[bool, ...]:
    """False: in clear, True: within TLS."""
    if not isinstance(door.session, Session):
        return (False,)
    if door.session.implicit_tls:
        return (True,)
    return (False, True) if door.session.offers_starttls else (False,)


async def _phase(visit: Visit, door: Door, host: Host, *, encrypted: bool) -> Phase:
    phase = Phase(address=door.address, port=door.port, encrypted=encrypted)
    session = door.session
    if isinstance(session, Unavailable):
        return replace(phase, unavailable=session)
    vectors = _chosen(session, visit.options, after_starttls=encrypted and not visit.implicit_tls)
    envelopes = [_fill(vector, visit, host, session.local) for vector in vectors]
    control, random = _controls(visit.options, host)
    tried = await transact(visit, (control, *envelopes), encrypted=encrypted)
    first = tried[0].decisive
    if isinstance(first, Unavailable) and all(t.decisive == first for t in tried):
        return replace(phase, unavailable=first)
    attempts = tuple(
        Attempt(address=door.address, port=door.port, encrypted=encrypted, vector=v.id, transaction=t)
        for v, t in zip(vectors, tried[1:], strict=True)
    )
    phase = replace(phase, control=tried[0], attempts=attempts)
    if any(a.form.local and phase.outcome(a) is Handover.OPEN for a in attempts):
        (answer,) = await transact(visit, (random,), encrypted=encrypted)
        phase = replace(phase, random=answer)
    return phase


def _chosen(session: Session, options: Options, *, after_starttls: bool) -> Sequence[Vector]:
    """Odd syntax last, since some servers hang up on it, and grouped by EHLO name."""
    hello = session.hello_tls if after_starttls and isinstance(session.hello_tls, Reply) else session.hello
    offered = extensions(hello)
    wanted = (v for v in VECTORS if options.thorough or v.minimal or (v.named and not after_starttls))
    chosen = (v for v in wanted if not v.needs or v.needs in offered)
    return sorted(chosen, key=lambda vector: (vector.odd, vector.helo != USUAL, vector.helo))


def _fill(vector: Vector, visit: Visit, host: Host, ours: str) -> Envelope:
    domain = host.domains[0] if host.domains else host.name
    to = foreign_recipient(visit.options, (*host.domains, host.name))
    fields = {
        "F": our_sender(visit.options),
        "U": to.local,
        "D": to.domain,
        "DOM": domain,
        "MX": host.name,
        "IP": _literal(visit.address),
        "OURS": _literal(ours),
        "HELO": visit.options.helo,
    }
    return Envelope(
        sender=vector.sender.format(**fields),
        recipient=vector.recipient.format(**fields),
        helo=vector.helo.format(**fields),
    )


def _literal(address: str) -> str:
    """Between the brackets of an address literal (RFC 5321 section 4.1.3)."""
    return f"IPv6:{address}" if ":" in address else address


def _controls(options: Options, host: Host) -> tuple[Envelope, Envelope]:
    domain = host.domains[0] if host.domains else host.name
    sender = f"<{our_sender(options)}>"
    return (
        Envelope(sender=sender, recipient=f"<postmaster@{domain}>", helo=options.helo),
        Envelope(sender=sender, recipient=f"<{nobody(options, 'r')}@{domain}>", helo=options.helo),
    )


async def _confirm(phases: list[Phase], host: Host, network: Network, options: Options) -> tuple[Phase, ...]:
    """With a canary, a few of the accepted vectors as whole messages: what RCPT accepts, DATA may refuse."""
    to = foreign_recipient(options, (*host.domains, host.name))
    if options.canary is None or str(to) != options.canary.lower():
        return tuple(phases)
    left = CONFIRMATIONS
    confirmed = []
    for phase in phases:
        attempts = list(phase.attempts)
        for index, attempt in enumerate(attempts):
            if (
                left
                and phase.outcome(attempt) is Handover.OPEN
                and _to_canary(attempt.transaction, to.domain)
            ):
                left -= 1
                visit = Visit(network, options, phase.address, phase.port, host.name, TlsMode.LEGACY)
                handed = await hand_over(visit, attempt.transaction, encrypted=phase.encrypted)
                attempts[index] = replace(attempt, transaction=handed)
        confirmed.append(replace(phase, attempts=tuple(attempts)))
    return tuple(confirmed)


def _to_canary(transaction: Transaction, domain: str) -> bool:
    rcpt = transaction.rcpt
    return (
        transaction.recipient.lower().rstrip(">").endswith(f"@{domain}")
        and isinstance(rcpt, Reply)
        and meaning_of(rcpt) is Meaning.ACCEPTED
    )
