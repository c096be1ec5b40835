"""MTA-STS record and policy, and the TLS-RPT record."""

import asyncio

from auditor.evidence.mta_sts import LARGEST_POLICY, MtaSts, StsPolicy, TlsReporting, is_version
from auditor.model import Domain, Options
from auditor.net import CannotLook, Network
from auditor.probes._grammar import sts_policy_complaint, sts_record_complaint, tls_rpt_complaint
from auditor.probes._https import get

HTTPS = 443
PATH = "/.well-known/mta-sts.txt"


async def mta_sts(domain: Domain, network: Network, options: Options) -> MtaSts:
    """The policy is fetched only where a single record announces it, as senders do."""
    answer = await network.resolver.ask(f"_mta-sts.{domain.name}", "TXT")
    records = tuple(text for text in answer.records if is_version(text, "STSv1"))
    if len(records) != 1:
        return MtaSts(records=records)
    policy = await _policy(f"mta-sts.{domain.name}", network, options)
    return MtaSts(records=records, complaint=sts_record_complaint(records[0]), policy=policy)


async def _policy(host: str, network: Network, options: Options) -> StsPolicy:
    try:
        v4, v6 = await asyncio.gather(network.resolver.ask(host, "A"), network.resolver.ask(host, "AAAA"))
        addresses = (*v4.records[:1], *v6.records[:1])
        if not addresses:
            return StsPolicy(host=host, host_exists=False)
        fetched = await get(
            network,
            (addresses[0], options.port(HTTPS)),
            (host, PATH),
            limit=LARGEST_POLICY,
            timeout=options.timeout,
        )
    except CannotLook as reason:
        return StsPolicy(host=host, unknown=reason.as_unavailable())
    text = fetched.body.decode("ascii", "backslashreplace")
    found = StsPolicy(
        host=host,
        distrusted=fetched.distrusted,
        status=fetched.status,
        media_type=fetched.media_type,
        too_long=fetched.too_long,
        text=text,
    )
    if found.fault is not None:
        return found
    return StsPolicy(
        host=host,
        status=fetched.status,
        media_type=fetched.media_type,
        text=text,
        complaint=sts_policy_complaint(text),
    )


async def tls_reporting(domain: Domain, network: Network) -> TlsReporting:
    """`_smtp._tls`."""
    answer = await network.resolver.ask(f"_smtp._tls.{domain.name}", "TXT")
    records = tuple(text for text in answer.records if is_version(text, "TLSRPTv1"))
    return TlsReporting(
        records=records, complaint=tls_rpt_complaint(records[0]) if len(records) == 1 else None
    )
