"""Many envelopes through few connections: MAIL, RCPT, RSET for each, and never DATA.

PIPELINING (RFC 2920) where it is offered. When the server hangs up, the rest goes over a new connection, one
command at a time, so that it can be told which envelope it was that cost the connection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Transaction
from auditor.model import Reason, Unavailable
from auditor.net import CannotLook
from auditor.probes._dialogue import Dialogue, Visit

PER_CONNECTION = 9
"""Envelopes; from the tenth error on Postfix waits a second before each reply, after 20 it hangs up."""
LOST_CONNECTIONS = 3
"""Then the rest stays unseen: a server that wants no more of us is left alone."""


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
    talk: Dialogue, envelopes: Iterable[Envelope], done: list[Transaction], *, helo: str, pipelined: bool
) -> None:
    """Each envelope in turn on a connection that has said `helo` already. Results so far stay in `done`.

    Stops at an envelope with another EHLO name when the server takes no second EHLO, as OpenSMTPD does.
    """
    burst = pipelined and "PIPELINING" in talk.extensions
    for name, group in groupby(envelopes, key=lambda envelope: envelope.helo):
        if name != helo and not (await talk.hello(name)).positive:
            return
        helo = name
        if burst:
            await _burst(talk, tuple(group), done)
        else:
            for envelope in group:
                done.append(await one(talk, envelope))  # noqa: PERF401 - what is done must survive a failure


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
    visit: Visit, envelopes: Sequence[Envelope], *, encrypted: bool = False
) -> tuple[Transaction, ...]:
    """What came of each envelope, in order. `encrypted`: after STARTTLS. Never raises: failures are in there."""
    done: list[Transaction] = []
    size, pipelined, losses, last = PER_CONNECTION, True, 0, ""
    reason = Reason.CONNECTION_LOST
    while len(done) < len(envelopes) and losses < LOST_CONNECTIONS:
        chunk, ready = envelopes[len(done) : len(done) + size], False
        helo = chunk[0].helo
        try:
            async with visit.dialogue() as (talk, _):
                hello = await _prepare(talk, visit, helo, encrypted=encrypted)
                ready = True
                if hello.positive:
                    await hand_in(talk, chunk, done, helo=helo, pipelined=pipelined)
                else:
                    refused = Unavailable(Reason.PROBER_REFUSED, f"{visit.where}: EHLO {helo}: {hello}")
                    done.extend(e.became(refused) for e in _first_group(chunk))
        except CannotLook as lost:
            if not ready:
                return (*done, *(e.became(lost.as_unavailable()) for e in envelopes[len(done) :]))
            if lost.reason is Reason.RATE_LIMITED and size > 1:
                size //= 2  # smtpd_hard_error_limit may be well below the 20 that Postfix has by default
            elif pipelined and "PIPELINING" in talk.extensions:
                pipelined = False
            elif len(done) < len(envelopes):
                losses, reason, last = losses + 1, lost.reason, lost.detail
                done.append(envelopes[len(done)].became(lost.as_unavailable()))
    given_up = Unavailable(reason, f"given up after {losses} lost connections: {last}")
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
