"""Where the name in the greeting leads to."""

import asyncio

from auditor.evidence.dns import HostAddresses
from auditor.evidence.greeting_name import GreetingName, GreetingNames
from auditor.evidence.smtp import Door, Session, SmtpSessions, open_doors
from auditor.model import Host
from auditor.net import CannotLook, Network


async def greeting_names(host: Host, sessions: SmtpSessions, network: Network) -> GreetingNames:  # noqa: ARG001 - names the subject
    """The first word of the reply to EHLO, at every address that answered."""
    found = await asyncio.gather(
        *(_name(door, session, network) for door, session in open_doors(sessions.doors))
    )
    return GreetingNames(names=tuple(found))


async def _name(door: Door, session: Session, network: Network) -> GreetingName:
    words = (session.hello.lines[0] if session.hello.lines else "").split()
    bare = GreetingName(address=door.address, name=words[0].rstrip(".").lower() if words else "")
    if not bare.qualified:
        return bare
    try:
        v4, v6 = await asyncio.gather(
            network.resolver.ask(bare.name, "A"), network.resolver.ask(bare.name, "AAAA")
        )
    except CannotLook as reason:
        return GreetingName(address=door.address, name=bare.name, unknown=reason.as_unavailable())
    leads_to = HostAddresses(v4=v4.records[:16], v6=v6.records[:16])
    return GreetingName(address=door.address, name=bare.name, addresses=leads_to)
