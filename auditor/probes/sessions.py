"""Whole SMTP sessions, at the ports for mail servers and for users."""

import asyncio
from dataclasses import replace

from auditor.evidence.dns import HostAddresses
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, SmtpSessions, SubmissionSessions, unseen_doors
from auditor.model import Host, Options, Reason
from auditor.net import CannotLook, Network, TlsMode
from auditor.probes._dialogue import Visit
from auditor.probes._handover import hand_over
from auditor.probes._names import nobody, our_sender
from auditor.probes._session import hold_session
from auditor.probes._transactions import Envelope

SMTP = 25
SUBMISSION = (587, 465)


async def smtp_sessions(
    host: Host, addresses: HostAddresses, network: Network, options: Options
) -> SmtpSessions:
    """Port 25 of every address, with a transaction to postmaster that stops before DATA.

    With a canary in a domain of the host, the transaction is for the canary, and one message follows.
    """
    if not addresses.every:
        raise CannotLook(Reason.NO_ADDRESS, f"{host.name} has neither an A nor an AAAA record")
    at = f"@{host.domains[0]}" if host.domains else ""
    canary = options.canary if _hosted(options.canary, host) else None
    recipient = f"<{canary or f'postmaster{at}'}>"
    envelope = Envelope(sender=f"<{our_sender(options)}>", recipient=recipient, helo=options.helo)
    questions = (f"VRFY postmaster{at}", f"VRFY {nobody(options, 'v')}{at}", f"EXPN postmaster{at}")
    doors = await asyncio.gather(
        *(
            hold_session(
                Visit(network, options, address, SMTP, host.name), envelope=envelope, questions=questions
            )
            for address in addresses.every
        )
    )
    seen = _some_answered(doors)
    return SmtpSessions(doors=await _delivered(seen, host, network, options) if canary else seen)


async def submission_sessions(
    host: Host, addresses: HostAddresses, network: Network, options: Options
) -> SubmissionSessions:
    """Ports 587 and 465 of every address: greeting, EHLO, TLS. Nothing is handed in."""
    doors = await asyncio.gather(
        *(
            hold_session(Visit(network, options, address, port, host.name))
            for address in addresses.every
            for port in SUBMISSION
        )
    )
    return SubmissionSessions(doors=tuple(doors))


def _some_answered(doors: list[Door]) -> tuple[Door, ...]:
    """All doors, when there was a session at one of them. Raises CannotLook for the first one else."""
    unseen = unseen_doors(tuple(doors))
    if len(unseen) == len(doors):
        raise CannotLook(unseen[0].reason, unseen[0].detail)
    return tuple(doors)


def _hosted(canary: str | None, host: Host) -> bool:
    return canary is not None and canary.rpartition("@")[2].lower() in host.domains


async def _delivered(
    doors: tuple[Door, ...], host: Host, network: Network, options: Options
) -> tuple[Door, ...]:
    """One message, through the first door that took the canary at RCPT; within TLS where there is some."""
    for index, (door, session) in enumerate((d, d.session) for d in doors):
        if not isinstance(session, Session):
            continue
        encrypted = session.transaction_tls is not None
        transaction = session.transaction_tls or session.transaction
        if transaction is None or not isinstance(transaction.rcpt, Reply) or not transaction.rcpt.positive:
            continue
        visit = Visit(network, options, door.address, SMTP, host.name, TlsMode.LEGACY)
        handed = await hand_over(visit, transaction, encrypted=encrypted)
        finished = (
            replace(session, transaction_tls=handed) if encrypted else replace(session, transaction=handed)
        )
        told = replace(door, session=finished)
        return (*doors[:index], told, *doors[index + 1 :])
    return doors
