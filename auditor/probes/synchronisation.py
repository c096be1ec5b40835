"""Commands sent where a client must not: behind STARTTLS, before the greeting, behind a false end of data."""

import asyncio
import contextlib

from auditor.evidence.refusals import no_answer
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import (
    SmtpSessions,
    open_doors,
)
from auditor.evidence.synchronisation import (
    END_OF_DATA,
    SMUGGLED,
    BareNewline,
    EarlyTalk,
    EarlyTrial,
    InjectionTrial,
    StarttlsInjection,
)
from auditor.evidence.tls import TlsSession
from auditor.evidence.visits import SmtpVisits, SubmissionVisits
from auditor.model import Host, Options, Reason, Unavailable
from auditor.net import CannotLook, Network, TlsMode
from auditor.probes._dialogue import Dialogue, Visit
from auditor.probes._handover import message
from auditor.probes._names import our_sender
from auditor.probes._transactions import Envelope

SILENCE = 2.5
"""Seconds without a reply that end the reading after a message."""
MAX_REPLIES = 12


async def starttls_injection(
    host: Host,  # noqa: ARG001 - says whose they are
    smtp: SmtpVisits,
    submission: SubmissionVisits,
) -> StarttlsInjection:
    """CVE-2011-0411: a command in clear, in one packet with STARTTLS, must not be executed within TLS."""
    return StarttlsInjection(
        trials=tuple(
            InjectionTrial(address=visited.door.address, port=visited.door.port, result=visited.injected)
            for visited in (*smtp.doors, *submission.doors)
            if visited.injected is not None
        )
    )


async def early_talk(host: Host, smtp: SmtpSessions, network: Network, options: Options) -> EarlyTalk:
    """EHLO with the packet that completes the connection, without waiting for the greeting (RFC 5321 section 3.1 has the server speak first)."""
    trials = await asyncio.gather(
        *(
            _talk_early(Visit(network, options, door.address, door.port, host.name))
            for door, _ in open_doors(smtp.doors)
        )
    )
    return EarlyTalk(trials=tuple(trials))


async def _talk_early(visit: Visit) -> EarlyTrial:
    replies: list[Reply] = []
    ended: Unavailable | None = None
    try:
        stream = await visit.connect(f"EHLO {visit.options.helo}\r\n".encode())
        try:
            talk = Dialogue(stream, visit.where, visit.options.timeout)
            replies.append(await talk.reply())
            if replies[0].code == 220:
                replies.append(await talk.reply())
            await talk.quit()
        finally:
            await stream.close()
    except CannotLook as lost:
        ended = lost.as_unavailable()
    return EarlyTrial(address=visit.address, replies=tuple(replies), ended=ended)


async def bare_newline(host: Host, smtp: SmtpSessions, network: Network, options: Options) -> BareNewline:
    """One message to the canary, when the host itself takes mail for it. Counted are replies, not messages.

    A conforming server answers once; only a server that executed the NOOP in the body answers twice.
    """
    if options.canary is None:
        raise CannotLook(Reason.NOT_CONSENTED, "needs a message to be handed over: give --canary")
    envelope = Envelope(sender=f"<{our_sender(options)}>", recipient=f"<{options.canary}>", helo=options.helo)
    door, session = next(open_doors(smtp.doors))
    visit = Visit(network, options, door.address, door.port, host.name, TlsMode.LEGACY)
    async with visit.dialogue() as (talk, _):
        await talk.hello(options.helo)
        if isinstance(session.tls, TlsSession):
            await talk.start_tls(visit.offer)
            await talk.hello(options.helo)
        for command in (envelope.mail, envelope.rcpt, "DATA"):
            reply = await talk.say(command)
            if reply.code not in {250, 251, 354}:
                why = no_answer(reply)
                raise CannotLook(
                    Reason.PROBER_REFUSED if why is None else why.reason,
                    f"{visit.where}: {command} for the canary was answered {reply}",
                )
        head = message(visit, envelope.became(reply)).encode()
        tail = b"".join(b"x" + end + b"NOOP\r\n" for end in SMUGGLED)
        await talk.stream.send(head + b"\r\n" + tail + END_OF_DATA)
        return BareNewline(address=door.address, replies=await _all_replies(talk))


async def _all_replies(talk: Dialogue) -> tuple[Reply, ...]:
    """The first within the usual time, the others until there is silence."""
    replies = [await talk.any_reply()]
    with contextlib.suppress(CannotLook, TimeoutError):
        async with asyncio.timeout(SILENCE):
            while len(replies) < MAX_REPLIES:
                replies.append(await talk.any_reply())
    return tuple(replies)
