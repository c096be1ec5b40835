"""Mail from strangers to strangers, as far as RCPT; further only with the operator's consent.

Each door is asked before and after STARTTLS, because rules differ there, and 530 "STARTTLS first" is no refusal.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from auditor.evidence.dns import HostAddresses
from auditor.evidence.refusals import Meaning, meaning_of, no_answer, wants_login
from auditor.evidence.relay import SMTP_PORT, Attempt, Handover, Phase, RelayAttempts
from auditor.evidence.relay_vectors import USUAL, VECTORS, Vector
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, SmtpSessions, SubmissionSessions, Transaction, extensions
from auditor.evidence.vantage import Vantage
from auditor.model import Host, Options, Reason, Unavailable
from auditor.net import CannotLook, Network, TlsMode
from auditor.probes._dialogue import Visit
from auditor.probes._handover import hand_over
from auditor.probes._names import foreign_recipient, nobody, our_sender
from auditor.probes._transactions import Envelope, Pace, transact

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
    pace = Pace()
    phases = await asyncio.gather(
        *(
            _phase(visit, door, host, pace, encrypted=encrypted)
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


async def _phase(visit: Visit, door: Door, host: Host, pace: Pace, *, encrypted: bool) -> Phase:
    phase = Phase(address=door.address, port=door.port, encrypted=encrypted)
    session = door.session
    if isinstance(session, Unavailable):
        return replace(phase, unavailable=session)
    control, random = _controls(visit.options, host)
    checked: Transaction | None = None
    answers: dict[str, Transaction] = {}
    for vectors, ahead in _portions(session, visit, after_starttls=encrypted and not visit.implicit_tls):
        envelopes = [_fill(vector, visit, host, session.local) for vector in vectors]
        asked = (control, *envelopes) if ahead else envelopes
        tried = await transact(visit, asked, encrypted=encrypted, pace=pace)
        checked = tried[0] if ahead else checked
        answers |= zip((v.id for v in vectors), tried[-len(vectors) :], strict=True)
        if _at_mail(tried[0]) if checked is None else _lets_nobody_in(checked):
            break
    first = next(iter(answers.values())).decisive
    if isinstance(first, Unavailable) and all(t.decisive == first for t in answers.values()):
        return replace(phase, unavailable=first)
    attempts = tuple(
        Attempt(address=door.address, port=door.port, encrypted=encrypted, vector=v, transaction=t)
        for v, t in answers.items()
    )
    phase = replace(phase, control=checked, attempts=attempts)
    if any(a.form.local and phase.outcome(a) is Handover.OPEN for a in attempts):
        (answer,) = await transact(visit, (random,), encrypted=encrypted, pace=pace)
        phase = replace(phase, random=answer)
    return phase


def _portions(
    session: Session, visit: Visit, *, after_starttls: bool
) -> Iterator[tuple[Sequence[Vector], bool]]:
    """Vectors to try together, and whether the control goes before them. No further once nobody is let in.

    A door that wants TLS or a login before MAIL says so to any sender, and one that wants it before RCPT says so
    to any recipient: each refusal more would count against us, and show nothing. Other senders and EHLO names are
    still tried, for rules may trust them.
    """
    vectors = _chosen(session, visit.options, after_starttls=after_starttls)
    gated = visit.port != SMTP_PORT or (session.transaction is not None and _at_mail(session.transaction))
    if visit.options.thorough or not gated:
        yield vectors, True
        return
    plain = [v for v in vectors if v.recipient == VECTORS[0].recipient]
    yield plain[:1], False
    yield plain[1:], True
    yield [v for v in vectors if v not in plain], False


def _lets_nobody_in(control: Transaction) -> bool:
    """Not even mail for the hosted domain is taken, and not for a reason of ours."""
    reply = control.decisive
    return isinstance(reply, Reply) and (
        wants_login(reply) or (not reply.positive and no_answer(reply) is None)
    )


def _at_mail(transaction: Transaction) -> bool:
    """MAIL was refused, whoever it is from."""
    mail = transaction.mail
    return isinstance(mail, Reply) and meaning_of(mail) in {Meaning.NEEDS_TLS, Meaning.NEEDS_AUTH}


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
