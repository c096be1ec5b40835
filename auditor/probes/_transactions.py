"""Many envelopes through few connections: MAIL, RCPT, RSET for each, and never DATA.

PIPELINING (RFC 2920) where it is offered. When the server hangs up, the rest goes over a new connection, one
command at a time, so that it can be told which envelope it was that cost the connection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.evidence.refusals import Meaning, meaning_of
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Transaction
from auditor.model import Reason, Unavailable
from auditor.net import CannotLook
from auditor.probes._dialogue import BACK_OFF_PER_HOST, Dialogue, Visit

PER_CONNECTION = 9
"""Errors; from the tenth on Postfix waits a second before each reply, after 20 it hangs up."""
BURST = 3
"""Envelopes at once: hardened servers (smtpd_soft_error_limit = 3) begin to wait after as many refusals."""
PUNISHED = 0.8
"""Seconds by which a reply comes later than one to EHLO, when a server slows us down; Postfix takes one."""
LOST_CONNECTIONS = 3
"""Then the rest stays unseen: a server that wants no more of us is left alone."""


@dataclass(slots=True)
class Pace:
    """How many errors on one connection this server forgives, as far as it has shown. One for all that ask it."""

    errors: int = PER_CONNECTION

    def slow_down(self, errors: int) -> None:
        """After so many it began to wait before its replies: next time leave one earlier."""
        self.errors = max(1, min(self.errors, errors) - 1)

    def halve(self) -> bool:
        """It hung up with 421. False when there is nothing left to give up."""
        before, self.errors = self.errors, max(1, self.errors // 2)
        return self.errors < before


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


async def hand_in(
    talk: Dialogue, envelopes: Sequence[Envelope], done: list[Transaction], *, pipelined: bool, pace: Pace
) -> None:
    """Each envelope in turn on a connection that has said the EHLO name of the first. Results so far stay in `done`.

    Stops at an envelope with another EHLO name when the server takes no second EHLO, as OpenSMTPD does; and when
    the server has forgiven as many errors as it will.
    """
    burst = pipelined and "PIPELINING" in talk.extensions
    helo, errors, left = envelopes[0].helo, 0, list(envelopes)
    ordinary = talk.longest
    while left and errors < pace.errors:
        if left[0].helo != helo:
            helo = left[0].helo
            if not (await talk.hello(helo)).positive:
                return
            ordinary = talk.longest
        most = min(BURST - errors % BURST, pace.errors - errors) if burst else 1
        part = tuple(_first_group(left))[:most]
        before = len(done)
        if burst:
            await _burst(talk, part, done)
        else:
            done.append(await one(talk, part[0]))
        left = left[len(part) :]
        errors += sum(_errors(transaction) for transaction in done[before:])
        if errors and talk.longest > ordinary + PUNISHED:
            pace.slow_down(errors)
            return
        if _limited(done[-1]):
            return


def _limited(transaction: Transaction) -> bool:
    """Too much mail in too short a time (smtpd_client_message_rate_limit): no answer to what was asked."""
    reply = transaction.decisive
    return isinstance(reply, Reply) and meaning_of(reply) is Meaning.RATE_LIMITED


def _errors(transaction: Transaction) -> int:
    """Two for a refused MAIL, for RCPT is refused after it."""
    reply = transaction.decisive
    return 0 if isinstance(reply, Reply) and reply.positive else 1 if transaction.rcpt else 2


async def _burst(talk: Dialogue, group: Sequence[Envelope], done: list[Transaction]) -> None:
    """All or nothing: when one reply is missing, every later one would be read as the answer to something else."""
    await talk.send(*(line for e in group for line in (e.mail, e.rcpt, "RSET")))
    answers = [(await talk.reply(), await talk.reply(), await talk.reply()) for _ in group]
    talk.expect_silence()
    done.extend(e.became(mail, rcpt) for e, (mail, rcpt, _) in zip(group, answers, strict=True))


async def one(talk: Dialogue, envelope: Envelope) -> Transaction:
    """One envelope, one command at a time."""
    mail = await talk.say(envelope.mail)
    rcpt = await talk.say(envelope.rcpt) if mail.positive else None
    await talk.say("RSET")
    return envelope.became(mail, rcpt)


async def transact(
    visit: Visit, envelopes: Sequence[Envelope], *, encrypted: bool = False, pace: Pace | None = None
) -> tuple[Transaction, ...]:
    """What came of each envelope, in order. `encrypted`: after STARTTLS. Never raises: failures are in there."""
    done: list[Transaction] = []
    pipelined, losses, last = True, 0, ""
    reason = Reason.CONNECTION_LOST
    pace = pace or Pace()
    while len(done) < len(envelopes) and losses < LOST_CONNECTIONS:
        chunk, ready = envelopes[len(done) : len(done) + PER_CONNECTION], False
        helo = chunk[0].helo
        try:
            async with visit.dialogue() as (talk, _):
                hello = await _prepare(talk, visit, helo, encrypted=encrypted)
                ready = True
                if hello.positive:
                    await hand_in(talk, chunk, done, pipelined=pipelined, pace=pace)
                else:
                    refused = Unavailable(Reason.PROBER_REFUSED, f"{visit.where}: EHLO {helo}: {hello}")
                    done.extend(e.became(refused) for e in _first_group(chunk))
        except CannotLook as lost:
            if not ready:
                return (*done, *(e.became(lost.as_unavailable()) for e in envelopes[len(done) :]))
            if lost.reason is Reason.RATE_LIMITED and pace.halve():
                continue  # smtpd_hard_error_limit may be well below the 20 that Postfix has by default
            if pipelined and "PIPELINING" in talk.extensions:
                pipelined = False
            elif len(done) < len(envelopes):
                losses, reason, last = losses + 1, lost.reason, lost.detail
                done.append(envelopes[len(done)].became(lost.as_unavailable()))
        first = next((index for index, t in enumerate(done) if _limited(t)), len(done))
        if first < len(done):
            if not await visit.rest(BACK_OFF_PER_HOST / 2):
                reason, last = Reason.RATE_LIMITED, str(done[first].decisive)
                break
            del done[first:]
    given_up = Unavailable(reason, f"given up, {losses} connections were lost: {last}")
    return (*done, *(e.became(given_up) for e in envelopes[len(done) :]))


def _first_group(envelopes: Sequence[Envelope]) -> Iterable[Envelope]:
    """Those at the head that share one EHLO name."""
    return next(iter(groupby(envelopes, key=lambda envelope: envelope.helo)))[1]


async def _prepare(talk: Dialogue, visit: Visit, helo: str, *, encrypted: bool) -> Reply:
    """Up to the point where mail may be handed in; gives the reply to the last EHLO."""
    hello = await talk.hello(helo)
    if encrypted and not visit.implicit_tls and hello.positive:
        await talk.start_tls(visit.offer)
        hello = await talk.hello(helo)
    return hello
