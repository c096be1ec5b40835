"""Two small looks from here: does a port answer, and what does an SMTP server say to MAIL and RCPT. Blocking.

For single questions during an incident; scans of many hosts use auditor.transport.network.
"""

import errno
import socket
import ssl
import time
from enum import StrEnum
from typing import Final

from msgspec import Struct

_LONGEST_LINE: Final = 4096
_MOST_LINES: Final = 100
_SILENT: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN})


class Reach(StrEnum):
    """What became of a TCP connection."""

    OPEN = "open"
    REFUSED = "refused"
    SILENT = "silent"
    """No answer in time, or a router said that there is no way."""
    UNKNOWN = "unknown"
    """The attempt itself could not be made: no such name, no socket."""


class Reply(Struct, frozen=True, kw_only=True):
    """An SMTP reply: its code and its text, lines joined by newlines."""

    code: int
    text: str


class NoDialogue(OSError):
    """The server did not come to the point; the text says where it ended."""


def reach(host: str, port: int, timeout: float = 5.0) -> Reach:
    """Try to connect, to every address of the name until one answers. timeout in seconds, for each address."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return Reach.UNKNOWN
    seen: set[Reach] = set()
    for family, kind, protocol, _name, address in found[:8]:
        with socket.socket(family, kind, protocol) as one:
            one.settimeout(timeout)
            try:
                one.connect(address)
            except ConnectionRefusedError:
                seen.add(Reach.REFUSED)
            except TimeoutError:
                seen.add(Reach.SILENT)
            except OSError as error:
                seen.add(Reach.SILENT if error.errno in _SILENT else Reach.UNKNOWN)
            else:
                return Reach.OPEN
    for worst in (Reach.UNKNOWN, Reach.SILENT, Reach.REFUSED):
        if worst in seen:
            return worst
    return Reach.UNKNOWN


class Dialogue:
    """One SMTP session up to RCPT, bounded in lines, bytes and time. Use as a context manager; raises NoDialogue."""

    def __init__(self, host: str, port: int = 25, *, timeout: float = 30.0) -> None:
        self.host, self.end = host, time.monotonic() + timeout
        self._buffer = b""
        try:
            self._socket: socket.socket = socket.create_connection((host, port), timeout=min(timeout, 10.0))
        except OSError as error:
            raise NoDialogue(f"no connection to {host} port {port}: {error}") from None

    def __enter__(self) -> "Dialogue":  # noqa: PYI034 - Self needs no subclass here
        return self

    def __exit__(self, *_exc: object) -> None:
        try:
            self._socket.settimeout(2)
            self._socket.sendall(b"QUIT\r\n")
            self._socket.recv(_LONGEST_LINE)
        except OSError:
            pass  # it was going to end anyway
        self._socket.close()

    def open(self, name: str) -> None:
        """Greeting, EHLO and STARTTLS where it is offered (any certificate: this asks about relaying, not TLS)."""
        greeting = self.reply()
        if greeting.code != 220:
            raise NoDialogue(f"greeting {greeting.code} {greeting.text}")
        hello = self.say(f"EHLO {name}")
        if hello.code != 250:
            raise NoDialogue(f"EHLO {hello.code} {hello.text}")
        if "STARTTLS" in hello.text.upper().split() and self.say("STARTTLS").code == 220:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            try:
                self._socket = context.wrap_socket(self._socket, server_hostname=self.host)
            except OSError as error:
                raise NoDialogue(f"TLS: {error}") from None
            self._buffer = b""
            self.say(f"EHLO {name}")

    def say(self, command: str) -> Reply:
        """One command line (no CR, LF or NUL can be smuggled in) and the reply to it."""
        if any(char in command for char in "\r\n\x00"):
            raise NoDialogue("a command holds a line break")
        try:
            self._socket.settimeout(max(0.1, min(10.0, self.end - time.monotonic())))
            self._socket.sendall(command.encode("utf-8", "replace") + b"\r\n")
        except OSError as error:
            raise NoDialogue(f"at {command.split(maxsplit=1)[0]}: {error}") from None
        return self.reply()

    def reply(self) -> Reply:
        """The next reply, whole."""
        texts = []
        for _ in range(_MOST_LINES):
            line = self._line()
            if len(line) < 3 or not line[:3].isdigit():
                raise NoDialogue("the answer is not SMTP")
            texts.append(line[4:].decode("utf-8", "backslashreplace"))
            if line[3:4] != b"-":
                return Reply(code=int(line[:3]), text="\n".join(texts))
        raise NoDialogue("a reply without end")

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _LONGEST_LINE:
                raise NoDialogue("a line without end")
            left = self.end - time.monotonic()
            if left <= 0:
                raise NoDialogue("no answer in time")
            try:
                self._socket.settimeout(left)
                piece = self._socket.recv(_LONGEST_LINE)
            except OSError as error:
                raise NoDialogue(f"no answer: {error}") from None
            if not piece:
                raise NoDialogue("the server hung up")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")


def may_send(
    host: str, senders: tuple[str, ...], recipient: str, *, port: int = 25, timeout: float = 30.0
) -> tuple[Reply, Reply]:
    """What the server says to MAIL and RCPT; nothing is handed over. Raises NoDialogue.

    The next sender is for a server that refuses the one before for good.
    """
    with Dialogue(host, port, timeout=timeout) as dialogue:
        dialogue.open("auditor.invalid")
        for sender in senders:
            mail = dialogue.say(f"MAIL FROM:<{sender}>")
            if mail.code // 100 != 5:
                break
        rcpt = dialogue.say(f"RCPT TO:<{recipient}>") if mail.code == 250 else mail
        if rcpt.code // 100 == 2:
            dialogue.say("RSET")
        return mail, rcpt
