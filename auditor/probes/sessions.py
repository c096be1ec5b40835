"""Whole SMTP sessions, at the ports for mail servers and for users."""

import asyncio

from auditor.evidence.dns import HostAddresses
from auditor.evidence.smtp import Door, SmtpSessions, SubmissionSessions, unseen_doors
from auditor.model import Host, Options, Reason
from auditor.net import CannotLook, Network
from auditor.probes._dialogue import Visit
from auditor.probes._names import nobody, our_sender
from auditor.probes._session import hold_session
from auditor.probes._transactions import Envelope

SMTP = 25
SUBMISSION = (587, 465)


async def smtp_sessions(
    host: Host, addresses: HostAddresses, network: Network, options: Options
) -> SmtpSessions:
    """Port 25 of every address, with a transaction to postmaster that stops before DATA."""
    if not addresses.every:
        raise CannotLook(Reason.NO_ADDRESS, f"{host.name} has neither an A nor an AAAA record")
    at = f"@{host.domains[0]}" if host.domains else ""
    envelope = Envelope(sender=f"<{our_sender(options)}>", recipient=f"<postmaster{at}>", helo=options.helo)
    questions = (f"VRFY postmaster{at}", f"VRFY {nobody(options, 'v')}{at}", f"EXPN postmaster{at}")
    doors = await asyncio.gather(
        *(
            hold_session(
                Visit(network, options, address, SMTP, host.name), envelope=envelope, questions=questions
            )
            for address in addresses.every
        )
    )
    return SmtpSessions(doors=_some_answered(doors))


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
