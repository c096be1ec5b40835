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
    platform = _Platform(domain.name, frozenset(own), network)
    declared = [
        (f"mail_contacts: {role}", text) for role, text in domain.declared.contacts if role not in OTHERS
    ]
    published = await _published(domain, dmarc, network)
    return Contacts(
        declared=tuple(await asyncio.gather(*(platform.judge(*c) for c in declared[:MAX_CONTACTS]))),
        published=tuple(await asyncio.gather(*(platform.judge(*c) for c in published[:MAX_CONTACTS]))),
    )


async def _published(
    domain: Domain, dmarc: DmarcPolicy | Unavailable, network: Network
) -> list[tuple[str, str]]:
    found = []
    try:
        soa = await network.resolver.ask(domain.name, "SOA")
        found += [(f"SOA of {domain.name}", soa_mailbox(record)) for record in soa.records[:1]]
    except CannotLook:
        pass  # one source among several; without any, the check says that it knows none
    if not isinstance(dmarc, Unavailable):
        found += [
            ("DMARC reports", report.uri.partition(":")[2]) for report in dmarc.reports if report.domain
        ]
    return [(source, text) for source, text in found if text]


class _Platform:
    def __init__(self, domain: str, hosts: frozenset[str], network: Network) -> None:
        self._domain, self._hosts, self._network = domain, hosts, network

    async def judge(self, source: str, text: str) -> Contact:
        domains = mail_domains(text)
        if has_phone(text) or not domains:
            return Contact(source=source, text=text)
        try:
            served = [await self._serves(domain) for domain in domains]
        except CannotLook as reason:
            return Contact(source=source, text=text, unknown=reason.as_unavailable())
        return Contact(source=source, text=text, on_platform=all(served))

    async def _serves(self, domain: str) -> bool:
        if domain == self._domain:
            return True
        answer = await self._network.resolver.ask(domain, "MX")
        return bool({name for _, name in read_exchangers(answer)} & self._hosts)
