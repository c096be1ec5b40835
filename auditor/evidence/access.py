"""What IMAP and POP3 servers say before anybody has logged in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.evidence.tls import TlsSession
from auditor.model import Failed, NotApplicable, Observation, Passed, Reason, Unavailable, Verdict, weigh

_CAPABILITY = re.compile(r"(?:^\* |\[)CAPABILITY ([^\]\r\n]*)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """One connection to 143, 110, 993 or 995."""

    protocol: str
    """"imap" or "pop3"."""
    banner: str
    capabilities: tuple[str, ...]
    """In capitals, of the state before STARTTLS (or inside TLS on the implicit ports)."""
    login: str | None = None
    """The answer to an attempt to begin a login in clear, with no password in it; None where it was not tried."""
    tls: TlsSession | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDoor:
    """One port of one address."""

    address: str
    port: int
    greeting: Greeting | Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGreetings:
    """143, 110, 993 and 995 of every address. None of them need answer."""

    doors: tuple[AccessDoor, ...]

    @property
    def answered(self) -> Iterator[tuple[AccessDoor, Greeting]]:
        """Where there was a server."""
        return ((door, door.greeting) for door in self.doors if isinstance(door.greeting, Greeting))


def imap_capabilities(text: str) -> tuple[str, ...]:
    """From "* CAPABILITY …" or "[CAPABILITY …]" (RFC 9051 section 7.2.2)."""
    found = _CAPABILITY.findall(text)
    return tuple(found[-1].upper().split()) if found else ()


def pop3_capabilities(text: str) -> tuple[str, ...]:
    """From the answer to CAPA (RFC 2449 section 5): one to a line, a dot at the end."""
    lines = text.upper().splitlines()
    if not lines or not lines[0].startswith("+OK"):
        return ()
    return tuple(line.strip() for line in lines[1:] if line.strip() not in {"", "."})


def takes_passwords_in_clear(greeting: Greeting) -> bool:
    """A user whose program does not insist on TLS would send the password for anybody to read.

    IMAP: LOGINDISABLED is missing (RFC 9051 section 6.2.3). POP3: USER or PLAIN is offered, or the bare USER
    command is taken. What the server offers counts, and what it says to the first half of a login.
    """
    if greeting.protocol == "imap":
        return "LOGINDISABLED" not in greeting.capabilities
    plain = any(c.startswith("SASL") and {"PLAIN", "LOGIN"} & set(c.split()) for c in greeting.capabilities)
    return plain or (greeting.login or "").startswith("+OK")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTally:
    """One port at every address."""

    in_clear: tuple[Observation, ...]
    unseen: tuple[Unavailable, ...]
    nothing_there: bool
    """Refused at every address: nothing listens, which was seen."""


def access_tally(access: AccessGreetings, port: int) -> AccessTally:
    """Where passwords would be taken before TLS."""
    doors = [door for door in access.doors if door.port == port]
    blind = [door.greeting for door in doors if isinstance(door.greeting, Unavailable)]
    return AccessTally(
        in_clear=tuple(
            {
                "address": door.address,
                "port": door.port,
                "capabilities": " ".join(greeting.capabilities),
                "login": greeting.login,
            }
            for door, greeting in access.answered
            if door.port == port and takes_passwords_in_clear(greeting)
        ),
        unseen=tuple(u for u in blind if u.reason is not Reason.REFUSED),
        nothing_there=len(blind) == len(doors) and all(u.reason is Reason.REFUSED for u in blind),
    )


def judge_port(access: AccessGreetings, port: int) -> Verdict:
    """The verdict on a port that begins in clear; one with TLS from the start cannot take a password before it."""
    seen = access_tally(access, port)
    if seen.nothing_there:
        return NotApplicable(f"nothing listens on {port}")
    bad = None
    if seen.in_clear:
        where = f"{seen.in_clear[0]['address']} port {port}"
        bad = Failed(f"passwords are taken without TLS on {where}", seen.in_clear)
    return weigh(bad, seen.unseen, Passed("no login before TLS"))
