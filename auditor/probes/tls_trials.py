"""Outdated offers of TLS, one connection each, at doors where a handshake of today succeeds.

Only there does a refusal mean something: a server that fails every handshake refuses nothing in particular.
"""

import asyncio
from collections.abc import Iterable, Sequence

from auditor.evidence.access import AccessGreetings
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions
from auditor.evidence.tls import TlsSession
from auditor.evidence.tls_trials import Offer, TlsDoor, TlsTrial, TlsTrials, tls_doors
from auditor.model import Host, Options, Unavailable
from auditor.net import CannotLook, Network, TlsMode, TlsOffer
from auditor.probes._dialogue import Visit

_OFFERS = {
    Offer.OLD: TlsOffer(mode=TlsMode.LEGACY, maximum="TLSv1.1"),
    Offer.WEAK: TlsOffer(
        mode=TlsMode.LEGACY, maximum="TLSv1.2", ciphers="aNULL:eNULL:EXPORT:DES:3DES:RC4:@SECLEVEL=0"
    ),
}


async def tls_trials(
    host: Host,
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    access: AccessGreetings | Unavailable,
    network: Network,
    options: Options,
) -> TlsTrials:
    """Two offers at 25, 465, 587, 993 and 995, as far as they speak TLS.

    Every handshake takes a connection, and Debian's Sendmail counts those of each client address. So of a port with
    several addresses, one is made the first offer and another the second, but for --thorough.
    """
    doors, _ = tls_doors(smtp, submission, access)
    trials = await asyncio.gather(
        *(
            _try(Visit(network, options, door.address, door.port, host.name), door, offer)
            for offer in Offer
            for door in (doors if options.thorough else _one_of_each_port(doors, offer))
        )
    )
    return TlsTrials(trials=tuple(trials))


def _one_of_each_port(doors: Sequence[TlsDoor], offer: Offer) -> Iterable[TlsDoor]:
    ordered = doors if offer is Offer.WEAK else reversed(doors)
    return {door.port: door for door in ordered}.values()


async def _try(visit: Visit, door: TlsDoor, offer: Offer) -> TlsTrial:
    try:
        result: TlsSession | Unavailable = await _shake_hands(visit, _OFFERS[offer])
    except CannotLook as lost:
        result = lost.as_unavailable()
    return TlsTrial(address=door.address, port=door.port, offer=offer, result=result)


async def _shake_hands(visit: Visit, offer: TlsOffer) -> TlsSession:
    if visit.implicit_tls:
        stream = await visit.network.connect(visit.address, visit.options.port(visit.port), tls=offer)
        await stream.close()
        assert stream.tls is not None
        return stream.tls
    async with visit.dialogue() as (talk, _):
        await talk.hello(visit.options.helo)
        return await talk.start_tls(offer)
