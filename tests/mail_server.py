"""A mail server in memory, for probes: it answers commands by rules that the test states. No socket, no waiting."""

from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.evidence.tls import TlsSession
from auditor.model import Reason
from auditor.net import CannotLook, Stream, TlsOffer
from tests.scripted import ScriptedNetwork

TLS = TlsSession(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", bits=256)
REFUSED = CannotLook(Reason.REFUSED, "connection refused")

Decide = Callable[[str, str, str, bool], str]
"""(EHLO name, sender, recipient, within TLS) -> reply to RCPT. Sender and recipient with their brackets."""


def hosts(*mailboxes: str, relay: str = "554 5.7.1 Relay access denied") -> Decide:
    """Takes mail for these mailboxes, knows no others in their domains, refuses the rest."""

    def decide(helo: str, sender: str, recipient: str, tls: bool) -> str:
        bare = recipient.strip("<>").lower()
        if bare in mailboxes or bare == "postmaster":
            return "250 2.1.5 Ok"
        if bare.rpartition("@")[2] in {m.rpartition("@")[2] for m in mailboxes}:
            return "550 5.1.1 User unknown"
        return relay

    return decide


@dataclass
class MailServer:
    """What the server does. Every reply may be several, or empty for none; "HANGUP" ends the connection."""

    rcpt: Decide = field(default_factory=lambda: hosts("postmaster@example.org"))
    banner: str = "220 mx1.example.org ESMTP"
    extensions: tuple[str, ...] = ("PIPELINING", "STARTTLS", "8BITMIME")
    extensions_tls: tuple[str, ...] = ("PIPELINING", "8BITMIME")
    mail: Callable[[str, bool], str] = lambda sender, tls: "250 2.1.0 Ok"
    starttls: str = "220 2.0.0 go ahead"
    handshake: TlsSession | CannotLook | Callable[[TlsOffer], TlsSession | CannotLook] = TLS
    verbs: dict[str, str] = field(default_factory=dict)
    """Replies to further verbs, VRFY for example; to a whole line if there is one."""
    data: str = "250 2.0.0 Ok: queued as 4F"
    injects: bool = False
    """Executes what came in clear behind STARTTLS."""
    one_hello: bool = False
    """Refuses a second EHLO, as OpenSMTPD does."""
    hangs_up_after: int = 0
    """Commands on one connection; 0 is never."""
    log: list[str] = field(default_factory=list)
    connections: int = 0

    def stream(self, *, implicit: bool = False) -> Stream:
        self.connections += 1
        return _Connection(self, implicit=implicit)


class _Connection:
    peer, local = "198.51.100.10", "203.0.113.10"

    def __init__(self, server: MailServer, *, implicit: bool) -> None:
        self.server = server
        self.tls: TlsSession | None = TLS if implicit else None
        self._out = bytearray(f"{server.banner}\r\n".encode()) if server.banner else bytearray()
        self._in = b""
        self._closed = server.banner.startswith(("421", "554"))
        self._helo = self._sender = ""
        self._message = False
        self._commands = 0
        self._left_in_clear = b""

    async def send(self, data: bytes) -> None:
        self._in += data
        while b"\r\n" in self._in and not self._closed:
            line, _, self._in = self._in.partition(b"\r\n")
            text = line.decode()
            self.server.log.append(text)
            self._commands += 1
            if self.server.hangs_up_after and self._commands > self.server.hangs_up_after:
                self._closed = True
                return
            if text.upper() == "STARTTLS" and self.server.starttls.startswith("220"):
                self._left_in_clear, self._in = self._in, b""
            for reply in self._answer(text).splitlines():
                if reply == "HANGUP":
                    self._closed = True
                else:
                    self._out += f"{reply}\r\n".encode()

    def _answer(self, line: str) -> str:
        if self._message:
            if line == ".":
                self._message = False
                return self.server.data
            return ""
        verb = line.split(maxsplit=1)[0].upper() if line.split() else ""
        if line in self.server.verbs or verb in self.server.verbs:
            return self.server.verbs.get(line, self.server.verbs.get(verb, ""))
        return self._smtp(verb, line)

    def _smtp(self, verb: str, line: str) -> str:
        server, tls = self.server, self.tls is not None
        if verb in {"EHLO", "HELO"}:
            if server.one_hello and self._helo:
                return "503 5.5.1 Already identified"
            self._helo = line[5:]
            if verb == "HELO":
                return "250 mx1.example.org"
            lines = ["mx1.example.org", *(server.extensions_tls if tls else server.extensions)]
            return "\n".join([*(f"250-{text}" for text in lines[:-1]), f"250 {lines[-1]}"])
        if verb == "MAIL":
            self._sender = line[len("MAIL FROM:") :]
            return server.mail(self._sender, tls)
        if verb == "RCPT":
            return server.rcpt(self._helo, self._sender, line[len("RCPT TO:") :], tls)
        self._message = verb == "DATA"
        fixed = {"DATA": "354 go on", "STARTTLS": server.starttls, "QUIT": "221 bye\nHANGUP"}
        quiet = "250 2.0.0 Ok" if verb in {"RSET", "NOOP"} else "502 5.5.2 not recognised"
        return fixed.get(verb, quiet)

    async def receive(self, limit: int) -> bytes:
        if not self._out:
            if self._closed:
                return b""
            raise CannotLook(Reason.TIMEOUT, "no answer in time")
        data = bytes(self._out[:limit])
        del self._out[:limit]
        return data

    async def start_tls(self, offer: TlsOffer) -> TlsSession:
        result = self.server.handshake
        if callable(result):
            result = result(offer)
        if isinstance(result, CannotLook):
            self._closed = True
            raise result
        self.tls = result
        self._helo = ""
        self._out.clear()
        if self.server.injects and self._left_in_clear:
            await self.send(self._left_in_clear)
        return result

    async def close(self) -> None:
        self._closed = True


def network(**ports: MailServer | CannotLook) -> ScriptedNetwork:
    """Port 25 is `smtp`, others are p587, p465, p143 …; what is not given refuses."""
    table = {25 if name == "smtp" else int(name[1:]): server for name, server in ports.items()}

    def dial(address: str, port: int) -> Stream:
        found = table.get(port, REFUSED)
        if isinstance(found, CannotLook):
            raise found
        return found.stream(implicit=port in {465, 993, 995})

    return ScriptedNetwork(
        {
            ("mx1.example.org", "A"): ("198.51.100.10",),
            ("example.org", "MX"): ("10 mx1.example.org.",),
        },
        dial=dial,
    )
