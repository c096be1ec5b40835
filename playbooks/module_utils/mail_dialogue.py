"""What the mail service answers on this host: the evidence that a change did not break it.

No message is handed over: every transaction ends with RSET before DATA.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import secrets
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.mail_listeners import listeners, own_addresses, unit_processes, unit_state

REPLY_SECONDS = 12.0  # stock Sendmail pauses up to five seconds before its greeting
MAX_REPLY = 64 * 1024
BUSY = "is busy"  # 421: a rate limit, which says nothing about the service; ask again later
SMTP, SMTPS, SUBMISSION = 25, 465, 587


class Silence(Exception):
    """The server did not answer as SMTP asks."""


class Busy(Exception):
    """The server said 421 where TLS should have begun."""


class Tls:
    """TLS over a socket, through memory: what the server sent is seen before OpenSSL takes it for a broken handshake.

    Sendmail refuses a client that connects too often in clear words, on port 465 too.
    """

    def __init__(self, sock: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock, self.came, self.goes = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.came, self.goes)
        self._do(self.tls.do_handshake)

    def _do(self, act: Callable[[], Any]) -> Any:
        while True:
            try:
                result = act()
            except ssl.SSLWantReadError:
                self.sock.sendall(self.goes.read())
            else:
                self.sock.sendall(self.goes.read())
                return result
            chunk = self.sock.recv(16384)
            if not chunk:
                raise Silence
            if self.tls.version() is None and chunk.startswith(b"421"):
                raise Busy
            self.came.write(chunk)

    def recv(self, size: int) -> bytes:
        return bytes(self._do(lambda: self.tls.read(size)))

    def sendall(self, data: bytes) -> None:
        self._do(lambda: self.tls.write(data))

    def close(self) -> None:
        self.sock.close()


@dataclass
class Session:
    """A bounded SMTP client on a plain socket."""

    peer: str
    port: int
    near: bool = False  # speak from the loopback address, also to an address of the outside
    sock: socket.socket | Tls = field(init=False)
    rest: bytes = b""

    def __enter__(self) -> Session:
        source = ("::1" if ":" in self.peer else "127.0.0.1", 0) if self.near else None
        self.sock = socket.create_connection((self.peer, self.port), timeout=REPLY_SECONDS, source_address=source)
        if self.port == SMTPS:
            try:
                self.wrap()
            except BaseException:
                self.sock.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.sock.sendall(b"QUIT\r\n")
        except OSError:
            pass
        self.sock.close()

    def wrap(self) -> None:
        """Begin TLS."""
        self.sock = Tls(self.sock)

    def reply(self) -> tuple[int, str]:
        lines: list[str] = []
        while True:
            while b"\n" not in self.rest:
                chunk = self.sock.recv(4096)
                if not chunk or len(self.rest) > MAX_REPLY:
                    raise Silence
                self.rest += chunk
            line, self.rest = self.rest.split(b"\n", 1)
            text = line.decode("utf-8", "backslashreplace").rstrip("\r")
            lines.append(text)
            if len(lines) > 200 or not text[:3].isdigit():
                raise Silence
            if text[3:4] != "-":
                return int(text[:3]), "\n".join(lines)

    def say(self, line: str) -> tuple[int, str]:
        self.sock.sendall(line.encode("ascii", "replace") + b"\r\n")
        return self.reply()


def _talk(peer: str, port: int, recipients: list[str]) -> dict[str, bool]:
    """What one listener answers, as sentences that are true or not.

    A server that has heard enough of this host's own address is asked from the loopback address, which Debian's
    Sendmail does not count (ClientRate:127 0).
    """
    seen = _answers(peer, port, recipients)
    return _answers(peer, port, recipients, near=True) if busy(seen) and not ipaddress.ip_address(peer).is_loopback else seen


def _answers(peer: str, port: int, recipients: list[str], *, near: bool = False) -> dict[str, bool]:
    where = f"port {port} at {peer}"
    seen = {f"{where} greets": False}
    try:
        with Session(peer, port, near) as session:
            greeting = session.reply()[0]
            seen[f"{where} greets"] = greeting == 220
            if greeting == 421:
                seen[f"{where} {BUSY}"] = True
                return seen
            code, offered = session.say("EHLO localhost.localdomain")
            seen[f"{where} speaks SMTP"] = code == 250
            if port != SMTPS and re.search(r"(?im)^250[ -]STARTTLS", offered):
                offered = _starttls(session, seen, where, offered)
            seen[f"{where} lets users log in"] = bool(re.search(r"(?im)^250[ -]AUTH\b.*\b(PLAIN|LOGIN)\b", offered))
            if port == SMTP:
                for address in recipients:
                    session.say("MAIL FROM:<>")
                    seen[f"{where} accepts mail for {address}"] = session.say(f"RCPT TO:<{address}>")[0] // 100 == 2
                    session.say("RSET")
    except Busy:
        seen[f"{where} {BUSY}"] = True
    except (OSError, Silence, ValueError):
        pass
    return seen


def _starttls(session: Session, seen: dict[str, bool], where: str, offered: str) -> str:
    seen[f"{where} completes STARTTLS"] = False
    if session.say("STARTTLS")[0] != 220:
        return offered
    session.wrap()
    code, after = session.say("EHLO localhost.localdomain")
    seen[f"{where} completes STARTTLS"] = code == 250
    return after


def observe(units: list[str], recipients: list[str]) -> dict[str, bool]:
    """Every sentence about the mail service of this host, true or false.

    A public listener is spoken to over the host's own address (a stranger, unless the admin trusts it) and,
    where it listens on all addresses, over loopback as well.
    """
    seen = {f"{unit} has a process": _alive(unit) for unit in units}
    for port in (SMTP, SMTPS, SUBMISSION):
        peers = _peers(port)
        seen[f"something listens on port {port}"] = bool(peers)
        for peer in sorted(peers)[:4]:
            seen |= _talk(peer, port, recipients)
    return seen


def _peers(port: int) -> set[str]:
    """Addresses at which this port can be spoken to."""
    own, peers = own_addresses(), set()
    for one in listeners():
        if one.port == port:
            if one.address == "0.0.0.0":  # noqa: S104  a comparison, no bind
                peers |= {"127.0.0.1", *[a for a in own if ":" not in a][:1]}
            elif one.address == "::":
                peers |= {"127.0.0.1" if not _only_v6() else "::1", *own[:1]}
            else:
                peers.add(one.address)
    return peers


def lets_users_in(port: int) -> bool:
    """Does a public listener of this port offer PLAIN or LOGIN, within TLS where it begins in clear?"""
    public = [peer for peer in _peers(port) if not ipaddress.ip_address(peer).is_loopback]
    seen = [_talk(peer, port, []) for peer in sorted(public)[:4]]
    ends = (" lets users log in", " completes STARTTLS")[: 2 if port == SUBMISSION else 1]
    return any(all(any(true and line.endswith(end) for line, true in one.items()) for end in ends) for one in seen)


def shut_door(port: int) -> str | None:
    """Why a user could not hand in mail at this port, in words of what should be true; None where nothing is in the way.

    A login that nobody has is tried: 535 says that whoever knows the passwords was asked and has answered (RFC 4954
    section 6; 454 that he was not). It comes from the loopback address, which no rate limit and no ban counts.
    """
    public = [peer for peer in _peers(port) if not ipaddress.ip_address(peer).is_loopback]
    if not public:
        return f"port {port} listens to others"
    for number, peer in enumerate(sorted(public)[:4]):
        where = f"port {port} at {peer}"
        try:
            with Session(peer, port, near=True) as session:
                # Once a port: Dovecot makes an address wait longer after each failure.
                if complaint := _offers_login(session) or (None if number else _refuses_nobody(session)):
                    return f"{where} {complaint}"
        except (OSError, Silence, ValueError) as error:
            return f"{where} speaks SMTP within TLS ({type(error).__name__})"
    return None


def _offers_login(session: Session) -> str | None:
    if session.reply()[0] != 220:
        return "greets"
    offered = session.say("EHLO localhost.localdomain")[1]
    if session.port != SMTPS:
        if re.search(r"(?im)^250[ -]AUTH\b", offered):
            return "offers no AUTH before TLS"
        if session.say("STARTTLS")[0] != 220:
            return "completes STARTTLS"
        session.wrap()
        offered = session.say("EHLO localhost.localdomain")[1]
    return None if re.search(r"(?im)^250[ -]AUTH\b.*\bPLAIN\b", offered) else "lets users log in"


def _refuses_nobody(session: Session) -> str | None:
    nobody = f"\0auditor-nobody\0{secrets.token_urlsafe(12)}".encode()
    code = session.say(f"AUTH PLAIN {base64.b64encode(nobody).decode()}")[0]
    return None if code == 535 else f"refuses a login that nobody has (it answers {code})"


def _alive(unit: str) -> bool:
    """A unit that crashes while it starts has a process now and then; what flickers must not be asked for later."""
    return bool(unit_processes(unit)) and unit_state(unit).get("ActiveState") in {"active", "reloading"}


def busy(seen: dict[str, bool]) -> bool:
    """Does some port answer with 421 only, at every address?"""
    return any(not _answers_elsewhere(line, seen) for line in seen if line.endswith(BUSY))


def excused(line: str, seen: dict[str, bool]) -> bool:
    """Could this sentence not be asked, because that address is busy, while another one of the same port answers?"""
    where = " ".join(line.split(" ")[:4])
    return f"{where} {BUSY}" in seen and _answers_elsewhere(line, seen)


def _answers_elsewhere(line: str, seen: dict[str, bool]) -> bool:
    port = " ".join(line.split(" ")[:2])
    return any(true and other.startswith(f"{port} at ") and other.endswith(" greets") for other, true in seen.items())


def _only_v6() -> bool:
    try:
        return Path("/proc/sys/net/ipv6/bindv6only").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return True
