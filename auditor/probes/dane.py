"""TLSA records of port 25, with the resolver's word about their signatures."""

import asyncio

from auditor.evidence.dane import TlsaRecords, read_tlsa
from auditor.model import Host, Reason
from auditor.net import CannotLook, Network


async def tlsa_records(host: Host, network: Network) -> TlsaRecords:
    """CNAMEs are followed by the resolver. A target given as address has no name that DANE could start from."""
    if host.addresses:
        return TlsaRecords(name=host.name)
    name = f"_25._tcp.{host.name}"
    try:
        answer, address = await asyncio.gather(
            network.resolver.ask(name, "TLSA"), network.resolver.ask(host.name, "A")
        )
    except CannotLook as refusal:
        return await _bogus(name, refusal, network)
    return TlsaRecords(
        name=answer.canonical or name,
        records=read_tlsa(answer),
        secure=answer.secure,
        host_secure=address.secure,
        ttl=answer.ttl,
    )


async def _bogus(name: str, refusal: CannotLook, network: Network) -> TlsaRecords:
    """SERVFAIL that vanishes with checking disabled is a broken signature; anything else proves nothing."""
    if refusal.reason is not Reason.SERVFAIL:
        raise refusal
    try:
        await network.resolver.ask(name, "TLSA")
    except CannotLook:
        try:
            answer = await network.resolver.ask(name, "TLSA", checking_disabled=True)
        except CannotLook:
            raise refusal from None
        return TlsaRecords(name=name, records=read_tlsa(answer), bogus=True)
    raise refusal
