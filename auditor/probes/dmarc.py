"""The DMARC record that governs a domain: all steps of the tree walk at once, then the report addresses."""

import asyncio
from collections.abc import Mapping

from auditor.evidence.dmarc import DmarcPolicy, ReportAddress, is_dmarc, organisation, report_domain, walk
from auditor.evidence.dns import Existence
from auditor.evidence.mx import read_exchangers
from auditor.model import Domain, Unavailable
from auditor.net import CannotLook, Network
from auditor.probes._grammar import dmarc_complaint

MAX_REPORTS = 10
"""Receivers send to two at most (RFC 9990 section 3)."""
Walked = Mapping[str, tuple[str, ...] | Unavailable]


async def dmarc_policy(domain: Domain, network: Network) -> DmarcPolicy:
    """Raises CannotLook when a name that decides gave no answer."""
    walked, apex = await asyncio.gather(_walk(domain.name, network), _records(domain.name, network))
    found_at = _governing(domain.name, walked)
    records = _certain(walked[found_at]) if found_at else ()
    policy = DmarcPolicy(
        domain=domain.name,
        found_at=found_at,
        records=records,
        complaint=dmarc_complaint(records[0]) if len(records) == 1 else None,
        misplaced=() if isinstance(apex, Unavailable) else apex,
    )
    uris = [uri for uri in policy.tags.get("rua", "").split(",") if uri.strip()][:MAX_REPORTS]
    reports = await asyncio.gather(*(_report(uri, found_at, walked, network) for uri in uris))
    return DmarcPolicy(
        domain=policy.domain,
        found_at=policy.found_at,
        records=policy.records,
        complaint=policy.complaint,
        misplaced=policy.misplaced,
        reports=tuple(reports),
    )


async def _walk(domain: str, network: Network) -> Walked:
    names = walk(domain)
    found = await asyncio.gather(*(_records(f"_dmarc.{name}", network) for name in names))
    return dict(zip(names, found, strict=True))


async def _records(name: str, network: Network) -> tuple[str, ...] | Unavailable:
    try:
        answer = await network.resolver.ask(name, "TXT")
    except CannotLook as reason:
        return reason.as_unavailable()
    return tuple(text for text in answer.records if is_dmarc(text))


def _certain(found: tuple[str, ...] | Unavailable) -> tuple[str, ...]:
    if isinstance(found, Unavailable):
        raise CannotLook(found.reason, found.detail)
    return found


def _governing(domain: str, walked: Walked) -> str:
    """The domain's own record, else the one of its organisation (RFC 9989 section 4.10.1)."""
    if _certain(walked[domain]):
        return domain
    records = {name: _certain(found) for name, found in walked.items()}
    found = organisation(domain, records)
    return found if records.get(found) else ""


async def _report(uri: str, policy_domain: str, walked: Walked, network: Network) -> ReportAddress:
    target = report_domain(uri)
    if not target:
        return ReportAddress(uri=uri.strip())
    try:
        theirs = await _walk(target, network) if target not in walked else walked
        certain = {name: _certain(found) for name, found in theirs.items()}
        ours = {name: found for name, found in walked.items() if not isinstance(found, Unavailable)}
        external = organisation(target, certain) != organisation(policy_domain, ours)
        agreed, takes_mail = await asyncio.gather(
            _agrees(target, policy_domain, network) if external else _yes(), _takes_mail(target, network)
        )
    except CannotLook as reason:
        return ReportAddress(uri=uri.strip(), domain=target, unknown=reason.as_unavailable())
    return ReportAddress(
        uri=uri.strip(), domain=target, external=external, agreed=agreed, takes_mail=takes_mail
    )


async def _yes() -> bool:
    return True


async def _agrees(target: str, policy_domain: str, network: Network) -> bool:
    """RFC 9990 section 4; a wildcard there answers by itself."""
    answer = await network.resolver.ask(f"{policy_domain}._report._dmarc.{target}", "TXT")
    return any(is_dmarc(text) for text in answer.records)


async def _takes_mail(target: str, network: Network) -> bool:
    mx = await network.resolver.ask(target, "MX")
    if mx.existence is Existence.FOUND:
        return any(name for _, name in read_exchangers(mx))
    if mx.existence is Existence.NXDOMAIN:
        return False
    found = await asyncio.gather(network.resolver.ask(target, "A"), network.resolver.ask(target, "AAAA"))
    return any(answer.records for answer in found)
