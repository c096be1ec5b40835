"""Contacts of the inventory and of the DNS, and whose mail hosts serve them."""

import asyncio

from auditor.evidence.contacts import Contact, Contacts, has_phone, mail_domains, soa_mailbox
from auditor.evidence.dmarc import DmarcPolicy
from auditor.evidence.mx import MailExchangers, read_exchangers
from auditor.model import Domain, Unavailable
from auditor.net import CannotLook, Network

MAX_CONTACTS = 20
OTHERS = frozenset({"isp", "provider", "vendor", "police", "cert"})
"""Roles in mail_contacts whom the operators call; nobody reaches the operators through them."""


async def contacts(
    domain: Domain, mx: MailExchangers | Unavailable, dmarc: DmarcPolicy | Unavailable, network: Network
) -> Contacts:
    """A contact is on the platform when its domain is the audited one, or shares a mail host with it."""
    own = set(domain.hosts)
    if not isinstance(mx, Unavailable):
        own |= {host.name for host in mx.exchangers}
    platform = _Platform(domain.name, frozenset(own), mx if isinstance(mx, Unavailable) else None, network)
    declared = [
        (f"mail_contacts: {role}", text) for role, text in domain.declared.contacts if role not in OTHERS
    ]
    published, unseen = await _published(domain, dmarc, network)
    return Contacts(
        declared=tuple(await asyncio.gather(*(platform.judge(*c) for c in declared[:MAX_CONTACTS]))),
        published=(*await asyncio.gather(*(platform.judge(*c) for c in published[:MAX_CONTACTS])), *unseen),
    )


async def _published(
    domain: Domain, dmarc: DmarcPolicy | Unavailable, network: Network
) -> tuple[list[tuple[str, str]], list[Contact]]:
    """Source and text of each contact, and the sources that gave no answer."""
    found, unseen = [], []
    try:
        soa = await network.resolver.ask(domain.name, "SOA")
        found += [(f"SOA of {domain.name}", soa_mailbox(record)) for record in soa.records[:1]]
    except CannotLook as reason:
        unseen.append(Contact(source=f"SOA of {domain.name}", text="", unknown=reason.as_unavailable()))
    if isinstance(dmarc, Unavailable):
        unseen.append(Contact(source="DMARC reports", text="", unknown=dmarc))
    else:
        found += [
            ("DMARC reports", report.uri.partition(":")[2]) for report in dmarc.reports if report.domain
        ]
    return [(source, text) for source, text in found if text], unseen


class _Platform:
    """`blind` says why the mail hosts are not all known: then no mailbox can be called independent."""

    def __init__(
        self, domain: str, hosts: frozenset[str], blind: Unavailable | None, network: Network
    ) -> None:
        self._domain, self._hosts, self._blind, self._network = domain, hosts, blind, network

    async def judge(self, source: str, text: str) -> Contact:
        domains = mail_domains(text)
        if has_phone(text) or not domains:
            return Contact(source=source, text=text)
        try:
            served = [await self._serves(domain) for domain in domains]
        except CannotLook as reason:
            return Contact(source=source, text=text, unknown=reason.as_unavailable())
        if self._blind is not None and not all(served):
            return Contact(source=source, text=text, unknown=self._blind)
        return Contact(source=source, text=text, on_platform=all(served))

    async def _serves(self, domain: str) -> bool:
        if domain == self._domain:
            return True
        answer = await self._network.resolver.ask(domain, "MX")
        return bool({name for _, name in read_exchangers(answer)} & self._hosts)
