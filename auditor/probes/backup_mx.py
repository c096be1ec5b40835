"""RCPT at the backup MX hosts of a domain, also at those that are somebody else's: nothing is handed over."""

import asyncio

from auditor.evidence.backup_mx import BackupReplies, BackupReply, backup_hosts
from auditor.evidence.mx import Exchanger, MailExchangers
from auditor.evidence.role_addresses import RoleReplies
from auditor.evidence.smtp import Transaction
from auditor.model import Domain, Options, PerHost, Reason, Unavailable
from auditor.net import CannotLook, Network, TlsMode
from auditor.probes._call import transact
from auditor.probes._dialogue import Visit
from auditor.probes._names import our_sender
from auditor.probes._transactions import Envelope

MOST = 4
"""Backup hosts that are asked; more are hardly ever there."""


async def backup_replies(
    domain: Domain, mx: MailExchangers, roles: PerHost[RoleReplies], network: Network, options: Options
) -> BackupReplies:
    """Hosts of this scan have answered already; the others get one connection, one recipient and QUIT."""
    answered = dict(roles.found)
    by_name = {host.name: host for host in mx.exchangers}

    async def ask(name: str) -> BackupReply:
        known = answered.get(name)
        if known is None:
            return BackupReply(host=name, said=await _visit(domain, by_name[name], network, options))
        if isinstance(known, Unavailable):
            return BackupReply(host=name, said=known)
        of_postmaster = (r for r in known.of(domain.name, "postmaster") if not r.null_sender)
        said = next((reply.transaction for reply in of_postmaster), None)
        if known.masked(domain.name):
            detail = (
                f"{name} takes mail from anybody to anybody, so that its answer says nothing of the domain"
            )
            return BackupReply(host=name, said=Unavailable(Reason.NOT_ASKED, detail))
        return BackupReply(
            host=name, said=said or Unavailable(Reason.NOT_ASKED, f"{name} was not asked about {domain.name}")
        )

    return BackupReplies(replies=tuple(await asyncio.gather(*map(ask, backup_hosts(mx)[:MOST]))))


async def _visit(
    domain: Domain, host: Exchanger, network: Network, options: Options
) -> Transaction | Unavailable:
    if host.addresses is None:
        return host.unknown or Unavailable(Reason.NO_ADDRESS, f"{host.name} has no address")
    envelope = Envelope(
        sender=f"<{our_sender(options)}>", recipient=f"<postmaster@{domain.name}>", helo=options.helo
    )
    failure = Unavailable(Reason.NO_ADDRESS, f"{host.name} has no address")
    for address in host.addresses.every[:2]:
        visit = Visit(network, options, address, 25, host.name, TlsMode.LEGACY)
        try:
            (transaction,) = await transact(visit, [envelope])
        except CannotLook as reason:
            failure = reason.as_unavailable()
            continue
        if not isinstance(transaction.decisive, Unavailable):
            return transaction
        failure = transaction.decisive
    return failure
