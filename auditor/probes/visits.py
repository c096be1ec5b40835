"""Visits to the SMTP ports of a host: one connection for everything that this scan wants to know there, where it can be had."""

import asyncio

from auditor.evidence.dns import HostAddresses
from auditor.evidence.relay import RelayAttempts
from auditor.evidence.role_addresses import RoleReplies
from auditor.evidence.synchronisation import StarttlsInjection
from auditor.evidence.visits import SmtpVisits, SubmissionVisits
from auditor.model import Host, Options, Reason, Wanted
from auditor.net import CannotLook, Network
from auditor.probes._dialogue import Visit
from auditor.probes._names import nobody, our_sender
from auditor.probes._role_questions import RoleQuestions
from auditor.probes._transactions import Envelope
from auditor.probes._visiting import Once, Plan, look_in

SMTP = 25
SUBMISSION = (587, 465)


async def smtp_visits(
    host: Host, addresses: HostAddresses, wanted: Wanted, network: Network, options: Options
) -> SmtpVisits:
    """Port 25 of every address, with a transaction to postmaster that stops before DATA.

    With a canary in a domain of the host, the transaction is for the canary, and one message follows.
    """
    if not addresses.every:
        raise CannotLook(Reason.NO_ADDRESS, f"{host.name} has neither an A nor an AAAA record")
    at = f"@{host.domains[0]}" if host.domains else ""
    canary = options.canary if _hosted(options.canary, host) else None
    recipient = f"<{canary or f'postmaster{at}'}>"
    roles = RoleQuestions(host, options) if RoleReplies in wanted else None
    plan = Plan(
        envelope=Envelope(sender=f"<{our_sender(options)}>", recipient=recipient, helo=options.helo),
        questions=(f"VRFY postmaster{at}", f"VRFY {nobody(options, 'v')}{at}", f"EXPN postmaster{at}"),
        inject=StarttlsInjection in wanted,
        relay=host if RelayAttempts in wanted else None,
        targets=_targets(addresses, network),
        roles=roles,
        deliver=Once() if canary else None,
    )
    visited = await asyncio.gather(
        *(look_in(Visit(network, options, address, SMTP, host.name), plan) for address in addresses.every)
    )
    return SmtpVisits(
        doors=tuple(visited),
        roles=roles.replies if roles else None,
        roles_at=roles.address if roles else "",
        roles_encrypted=roles.encrypted if roles else False,
    )


async def submission_visits(
    host: Host, addresses: HostAddresses, wanted: Wanted, network: Network, options: Options
) -> SubmissionVisits:
    """Ports 587 and 465 of every address: greeting, EHLO, TLS. Nothing is handed in."""
    plan = Plan(
        inject=StarttlsInjection in wanted,
        relay=host if RelayAttempts in wanted else None,
        targets=_targets(addresses, network),
    )
    visited = await asyncio.gather(
        *(
            look_in(Visit(network, options, address, port, host.name), plan)
            for address in addresses.every
            for port in SUBMISSION
        )
    )
    return SubmissionVisits(doors=tuple(visited))


def _targets(addresses: HostAddresses, network: Network) -> tuple[str, ...]:
    """Addresses from which a relay test would show nothing: those of the host, and all of ours if one is among them."""
    own = network.local_addresses()
    return (*addresses.every, *own) if own & set(addresses.every) else addresses.every


def _hosted(canary: str | None, host: Host) -> bool:
    return canary is not None and canary.rpartition("@")[2].lower() in host.domains
