"""Envelopes on one connection: MAIL, RCPT, RSET for each, and never DATA."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.evidence.refusals import Meaning, meaning_of
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Transaction
from auditor.model import Reason, Unavailable
from auditor.net import CannotLook
from auditor.probes._dialogue import Dialogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who writes to whom: what follows MAIL FROM: and RCPT TO:, angle brackets and parameters included."""

    sender: str
    recipient: str
    helo: str

    @property
    def mail(self) -> str:
        """The MAIL command."""
        return f"MAIL FROM:{self.sender}"

    @property
    def rcpt(self) -> str:
        """The RCPT command."""
        return f"RCPT TO:{self.recipient}"

    def became(self, mail: Reply | Unavailable, rcpt: Reply | Unavailable | None = None) -> Transaction:
        """What came of it. A refused MAIL makes the reply to RCPT meaningless."""
        kept = rcpt if isinstance(mail, Reply) and mail.positive else None
        return Transaction(sender=self.sender, recipient=self.recipient, mail=mail, rcpt=kept)


def limited(transaction: Transaction) -> bool:
    """Too much mail in too short a time (smtpd_client_message_rate_limit): no answer to what was asked."""
    reply = transaction.decisive
    return isinstance(reply, Reply) and meaning_of(reply) is Meaning.RATE_LIMITED


def first_group(envelopes: Sequence[Envelope]) -> Iterable[Envelope]:
    """Those at the head that share one EHLO name."""
    return next(iter(groupby(envelopes, key=lambda envelope: envelope.helo)))[1]


_GATE = frozenset({Meaning.NEEDS_TLS, Meaning.NEEDS_AUTH})
"""Some say so to every command, RSET too."""


@dataclass(slots=True)
class Patience:
    """How the server bore the last envelopes."""

    going_on: bool = True
    """It took every RSET: Exim refuses the eleventh, and hangs up."""
    lag: float = 0.0
    """Seconds that a reply was waited for at most."""
    refusals: int = 0
    """Replies that count against us."""

    async def measured(self, talk: Dialogue) -> Reply:
        """The next reply. Several may have been held back together."""
        reply = await talk.reply()
        self.lag = max(self.lag, talk.lag)
        self.refusals += not reply.positive
        return reply


async def burst(talk: Dialogue, group: Sequence[Envelope], done: list[Transaction]) -> Patience:
    """All in one write (RFC 2920), stopping where RSET is refused.

    Where a reply is missing, every later one would be read as the answer to something else: nothing is kept then.
    """
    patience, kept = Patience(), list[Transaction]()
    await talk.send(*(line for e in group for line in (e.mail, e.rcpt, "RSET")))
    for envelope in group:
        mail, rcpt, rset = [await patience.measured(talk) for _ in ("MAIL", "RCPT", "RSET")]
        kept.append(envelope.became(mail, rcpt))
        patience.going_on = rset.positive or meaning_of(rset) in _GATE
        if not patience.going_on:
            await talk.expect_end()
            break
    else:
        talk.expect_silence()
    done.extend(kept)
    return patience


async def one(talk: Dialogue, envelope: Envelope, done: list[Transaction]) -> Patience:
    """One command at a time, without RSET where nothing was begun; else as burst()."""
    patience = Patience()

    async def say(line: str) -> Reply:
        await talk.send(line)
        return await patience.measured(talk)

    mail, rcpt = await say(envelope.mail), None
    if mail.positive:
        rcpt = await say(envelope.rcpt)
        try:
            patience.going_on = (await say("RSET")).positive
        except CannotLook as lost:
            if lost.reason is not Reason.CONNECTION_LOST:
                raise
            patience.going_on = False  # what was asked is answered
    done.append(envelope.became(mail, rcpt))
    return patience
