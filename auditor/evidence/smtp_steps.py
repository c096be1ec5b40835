"""Where a session got stuck, and what it gave away: readings of SmtpSessions that several checks share."""

import re
from collections.abc import Iterator

from auditor.evidence.refusals import Meaning, meaning_of, no_answer
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, Transaction, extensions, open_doors
from auditor.evidence.tls import TlsSession
from auditor.model import Observation, Reason, Unavailable

_VERSION = re.compile(
    r"(postfix|exim|sendmail|opensmtpd|exchange|dovecot|zimbra|mailenable|qmail|courier)[ /]+v?([0-9]+\.[\w.\-/]*)",
    re.IGNORECASE,
)
_GOOD = frozenset({Meaning.ACCEPTED})
_NO_VERDICT = frozenset({Meaning.GREYLISTED, Meaning.RATE_LIMITED, Meaning.PROBER_REFUSED, Meaning.TEMPFAIL})

Stuck = tuple[str, Observation]
"""A sentence, and the facts."""


def stuck_steps(door: Door, session: Session) -> Iterator[Stuck | Unavailable]:
    """Everything on the way to a recipient that went wrong, in clear and after STARTTLS."""
    if not session.hello.positive:
        yield _stuck(door, "EHLO", session.hello)
    if session.transaction is not None:
        yield from _of_transaction(door, session.transaction, "in clear")
    if session.starttls is not None:
        yield from tls_steps(door, session)
        if session.transaction_tls is not None:
            yield from _of_transaction(door, session.transaction_tls, "after STARTTLS")


def tls_steps(door: Door, session: Session) -> Iterator[Stuck | Unavailable]:
    """STARTTLS as far as the second EHLO. Offered, shaken hands and going on are three facts."""
    for step, seen in (("STARTTLS", session.starttls), ("EHLO after STARTTLS", session.hello_tls)):
        if isinstance(seen, Unavailable):
            yield seen
        elif isinstance(seen, Reply) and not seen.positive:
            yield _stuck(door, step, seen)
    if isinstance(session.tls, Unavailable):
        if session.tls.reason is Reason.TLS_FAILED:
            yield (
                f"STARTTLS is offered on {door.where}, and the handshake fails",
                {"address": door.address, "port": door.port, "step": "handshake", "seen": session.tls.detail},
            )
        else:
            yield session.tls


def why_no_tls(session: Session) -> Unavailable | None:
    """Why there was no handshake although STARTTLS is offered; None where there was one, or nothing is offered."""
    if session.tls is not None or not session.offers_starttls:
        return session.tls if isinstance(session.tls, Unavailable) else None
    if isinstance(session.starttls, Reply):
        refused = Unavailable(Reason.TLS_FAILED, f"STARTTLS was answered {session.starttls}")
        return no_answer(session.starttls) or refused
    return session.starttls or session.ended


def _of_transaction(door: Door, transaction: Transaction, when: str) -> Iterator[Stuck | Unavailable]:
    reply = transaction.decisive
    if isinstance(reply, Unavailable):
        yield reply
        return
    meaning = meaning_of(reply)
    if transaction.data is None and meaning in _GOOD:
        return
    if transaction.data is not None and reply.positive:
        return
    if meaning in _NO_VERDICT:
        yield Unavailable(_reason(meaning), f"{door.where}: {reply}")
        return
    step = "the message" if transaction.data else "RCPT" if transaction.rcpt else "MAIL"
    yield _stuck(door, f"{step} {when}", reply, transaction.recipient)


def _reason(meaning: Meaning) -> Reason:
    return {
        Meaning.GREYLISTED: Reason.GREYLISTED,
        Meaning.RATE_LIMITED: Reason.RATE_LIMITED,
        Meaning.PROBER_REFUSED: Reason.PROBER_REFUSED,
    }.get(meaning, Reason.TEMPFAIL)


def _stuck(door: Door, step: str, reply: Reply, recipient: str = "") -> Stuck:
    whom = f" for {recipient}" if recipient else ""
    return (
        f"{step}{whom} on {door.where} was answered {reply}",
        {
            "address": door.address,
            "port": door.port,
            "step": step,
            "rcpt_to": recipient,
            "reply": str(reply),
            "meaning": meaning_of(reply).value,
        },
    )


def is_about_the_mailbox(facts: Observation) -> bool:
    """The server is well, only this recipient is unknown to it or full."""
    return facts.get("meaning") in {Meaning.NO_SUCH_MAILBOX, Meaning.MAILBOX_FULL}


def requires_tls(session: Session) -> bool:
    """Mail in clear was refused for want of STARTTLS."""
    reply = session.transaction.decisive if session.transaction else None
    return isinstance(reply, Reply) and meaning_of(reply) is Meaning.NEEDS_TLS


def login_in_clear(doors: tuple[Door, ...]) -> tuple[Observation, ...]:
    """Doors that offer AUTH before TLS. An empty list of mechanisms, as Dovecot sends it, offers nothing."""
    return tuple(
        {"address": door.address, "port": door.port, "mechanisms": mechanisms}
        for door, session in open_doors(doors)
        if not session.implicit_tls and (mechanisms := extensions(session.hello).get("AUTH", "").strip())
    )


def in_plain_text(offers: tuple[Observation, ...]) -> bool:
    """One of the mechanisms sends the password itself; CRAM and DIGEST send what can only be guessed from."""
    return any({"PLAIN", "LOGIN"} & set(str(offer["mechanisms"]).upper().split()) for offer in offers)


def login_offered(session: Session) -> bool:
    """AUTH with at least one mechanism, in the state in which users log in: within TLS."""
    if session.implicit_tls:
        return bool(extensions(session.hello).get("AUTH", "").strip())
    return (
        isinstance(session.tls, TlsSession)
        and isinstance(session.hello_tls, Reply)
        and bool(extensions(session.hello_tls).get("AUTH", "").strip())
    )


def version_shown(banner: str) -> str | None:
    """Product and exact version, where the greeting has both. The product alone tells nobody what to attack."""
    found = _VERSION.search(banner)
    return found[0] if found else None


def disclosures(door: Door, session: Session) -> Iterator[Observation]:
    """VRFY that tells a real mailbox from a made-up one, EXPN that answers. 252 says nothing: RFC 5321 3.5.3.

    "No such mailbox" gives as much away: who says so of one name says something else of another.
    """
    answers = dict(session.questions)
    verify = [(q, a) for q, a in answers.items() if q.startswith("VRFY") and isinstance(a, Reply)]
    if len(verify) == 2:
        (_, known), (question, random) = verify
        if known.positive and meaning_of(random) is Meaning.NO_SUCH_MAILBOX:
            yield {
                "address": door.address,
                "command": "VRFY",
                "known": str(known),
                "made_up": f"{question}: {random}",
            }
    elif verify and meaning_of(verify[0][1]) is Meaning.NO_SUCH_MAILBOX:
        yield {
            "address": door.address,
            "command": "VRFY",
            "known": "",
            "made_up": f"{verify[0][0]}: {verify[0][1]}",
        }
    expand = next((answer for question, answer in answers.items() if question.startswith("EXPN")), None)
    if isinstance(expand, Reply) and expand.code == 250:
        yield {"address": door.address, "command": "EXPN", "known": str(expand), "made_up": ""}
