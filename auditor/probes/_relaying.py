"""The forms in which relaying is asked for at one door, and how far to go.

Each door is asked before and after STARTTLS, because rules differ there, and 530 "STARTTLS first" is no refusal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from auditor.evidence.refusals import Meaning, meaning_of, no_answer, wants_login
from auditor.evidence.relay import SMTP_PORT, Attempt, Handover, Phase
from auditor.evidence.relay_vectors import USUAL, VECTORS, Vector
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Session, Transaction, extensions
from auditor.model import Host, Options, Unavailable
from auditor.probes._call import Call
from auditor.probes._dialogue import Visit
from auditor.probes._names import foreign_recipient, nobody, our_sender
from auditor.probes._transactions import Envelope


async def relay_phase(call: Call, session: Session, host: Host, *, encrypted: bool) -> Phase:
    """Every vector of this scan at one door in one state."""
    visit = call.visit
    phase = Phase(address=visit.address, port=visit.port, encrypted=encrypted)
    control, random = _controls(visit.options, host)
    checked: Transaction | None = None
    answers: dict[str, Transaction] = {}
    for vectors, ahead in _portions(session, visit, after_starttls=encrypted and not visit.implicit_tls):
        envelopes = [_fill(vector, visit, host, session.local) for vector in vectors]
        asked = (control, *envelopes) if ahead else envelopes
        tried = await call.ask(asked, encrypted=encrypted, at_once=encrypted or len(asked) > 1)
        checked = tried[0] if ahead else checked
        answers |= zip((v.id for v in vectors), tried[-len(vectors) :], strict=True)
        if _at_mail(tried[0]) if checked is None else _lets_nobody_in(checked):
            break
    first = next(iter(answers.values())).decisive
    if isinstance(first, Unavailable) and all(t.decisive == first for t in answers.values()):
        return replace(phase, unavailable=first)
    attempts = tuple(
        Attempt(address=visit.address, port=visit.port, encrypted=encrypted, vector=v, transaction=t)
        for v, t in answers.items()
    )
    phase = replace(phase, control=checked, attempts=attempts)
    if any(a.form.local and phase.outcome(a) is Handover.OPEN for a in attempts):
        (answer,) = await call.ask((random,), encrypted=encrypted)
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
