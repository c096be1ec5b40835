"""IMAP and POP3 up to the point where a user would log in."""

import asyncio
from dataclasses import replace

from auditor.evidence.access import (
    AccessDoor,
    AccessGreetings,
    Greeting,
    imap_capabilities,
    pop3_capabilities,
)
from auditor.evidence.dns import HostAddresses
from auditor.evidence.shut_out import ShutOut
from auditor.evidence.visits import AccessVisits
from auditor.model import Host, Options, Reason
from auditor.net import CannotLook, Network, Stream
from auditor.probes._dialogue import Visit
from auditor.probes._names import our_sender

PROTOCOLS = {143: "imap", 993: "imap", 110: "pop3", 995: "pop3"}
MAX_ANSWER = 16_384
"""Octets of one answer; a capability list has a few hundred."""


async def access_greetings(
    host: Host,  # noqa: ARG001 - says whose they are
    visits: AccessVisits,
    shut: ShutOut,
) -> AccessGreetings:
    """143, 110, 993 and 995 of every address. Where port 25 and all of these are refused nothing was seen."""
    unseen = shut.unseen((door.address, door.port, door.greeting) for door in visits.doors)
    return AccessGreetings(
        doors=tuple(
            replace(door, greeting=unseen.get((door.address, door.port), door.greeting))
            for door in visits.doors
        )
    )


async def access_visits(
    host: Host, addresses: HostAddresses, network: Network, options: Options
) -> AccessVisits:
    """The greeting and the capabilities at 143, 110, 993 and 995. No password is sent."""
    doors = await asyncio.gather(
        *(
            _door(Visit(network, options, address, port, host.name))
            for address in addresses.every
            for port in PROTOCOLS
        )
    )
    return AccessVisits(doors=tuple(doors))


async def _door(visit: Visit) -> AccessDoor:
    try:
        stream = await visit.connect()
        try:
            async with asyncio.timeout(visit.options.timeout):
                greeting = await _greet(stream, visit)
        except TimeoutError as error:
            raise CannotLook(Reason.TIMEOUT, f"{visit.where}: no answer in time") from error
        finally:
            await stream.close()
    except CannotLook as lost:
        return AccessDoor(address=visit.address, port=visit.port, greeting=lost.as_unavailable())
    return AccessDoor(address=visit.address, port=visit.port, greeting=greeting)


async def _greet(stream: Stream, visit: Visit) -> Greeting:
    if PROTOCOLS[visit.port] == "imap":
        banner = await _until(stream, visit, b"\n")
        if not banner.startswith(("* OK", "* PREAUTH")):
            raise CannotLook(Reason.PROTOCOL, f"{visit.where}: no IMAP greeting: {banner[:80]!r}")
        answer = await _ask(stream, visit, "a CAPABILITY", b"\na ")
        await stream.send(b"b LOGOUT\r\n")
        return Greeting(
            protocol="imap",
            banner=banner.strip(),
            capabilities=imap_capabilities(answer) or imap_capabilities(banner),
            tls=stream.tls,
        )
    banner = await _until(stream, visit, b"\n")
    if not banner.startswith("+OK"):
        raise CannotLook(Reason.PROTOCOL, f"{visit.where}: no POP3 greeting: {banner[:80]!r}")
    answer = await _ask(stream, visit, "CAPA", b"\n.\r\n", b"-ERR")
    login = None
    if not visit.implicit_tls:
        login = (await _ask(stream, visit, f"USER {our_sender(visit.options).local}", b"\n")).strip()
    await stream.send(b"QUIT\r\n")
    return Greeting(
        protocol="pop3",
        banner=banner.strip(),
        capabilities=pop3_capabilities(answer),
        login=login,
        tls=stream.tls,
    )


async def _ask(stream: Stream, visit: Visit, command: str, *ends: bytes) -> str:
    await stream.send(f"{command}\r\n".encode())
    return await _until(stream, visit, *ends)


async def _until(stream: Stream, visit: Visit, *ends: bytes) -> str:
    """What comes, until one of the ends is in it and the line is complete."""
    got = b""
    while not (got.endswith(b"\n") and any(end in b"\n" + got for end in ends)):
        if len(got) > MAX_ANSWER:
            raise CannotLook(Reason.PROTOCOL, f"{visit.where}: more than {MAX_ANSWER} octets in one answer")
        chunk = await stream.receive(4_096)
        if not chunk:
            raise CannotLook(Reason.CONNECTION_LOST, f"{visit.where}: hung up on us")
        got += chunk
    return got.decode("utf-8", errors="backslashreplace")
