"""The edge of the world as small Protocols, and CannotLook, the only exception that may come from it.

Probes and inside readers see these; auditor.transport is the real edge; tests script them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from auditor.evidence.dns import Answer
from auditor.evidence.tls import TlsSession
from auditor.model import Reason, SshTarget, Unavailable


class CannotLook(Exception):
    """The world did not answer in a way that proves anything. Becomes Unavailable in the collector."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def as_unavailable(self) -> Unavailable:
        """The value that stands for it in the evidence."""
        return Unavailable(self.reason, self.detail)


class TlsMode(StrEnum):
    """How much the client insists on. Verification never aborts a handshake: its result is evidence."""

    MODERN = "modern"
    """TLS 1.2 and 1.3 with today's ciphers: what a strict sender offers."""
    LEGACY = "legacy"
    """Everything this OpenSSL can still speak, anonymous suites too: to learn what the server accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOffer:
    """What the client puts into its hello."""

    server_name: str | None = None
    mode: TlsMode = TlsMode.MODERN
    minimum: str | None = None
    """"TLSv1", "TLSv1.1", "TLSv1.2" or "TLSv1.3"; None leaves it to the mode."""
    maximum: str | None = None
    ciphers: str | None = None
    """OpenSSL cipher list, to ask for one group alone."""


class Stream(Protocol):
    """One TCP connection. Every method raises CannotLook and nothing else."""

    @property
    def peer(self) -> str:
        """Address of the far side, without port."""
        ...

    @property
    def local(self) -> str:
        """Address of our side, without port."""
        ...

    @property
    def tls(self) -> TlsSession | None:
        """Facts of the handshake, once there was one."""
        ...

    async def receive(self, limit: int) -> bytes:
        """At least one and at most `limit` bytes; b"" once the far side has closed in order."""
        ...

    async def send(self, data: bytes) -> None:
        """Write all of it."""
        ...

    async def start_tls(self, offer: TlsOffer) -> TlsSession:
        """Shake hands. Raises CannotLook(TLS_FAILED) when there is no session; a bad certificate is no failure."""
        ...

    async def close(self) -> None:
        """Hang up. Never raises."""
        ...


class Resolver(Protocol):
    """Questions to the DNS, shared and cached per run."""

    async def ask(self, name: str, kind: str, *, checking_disabled: bool = False) -> Answer:
        """Answer for NOERROR (also without data) and NXDOMAIN. Raises CannotLook for everything else.

        `checking_disabled` asks a validating resolver to pass on what it could not validate (RFC 4035, CD bit):
        the only way to tell a bogus zone from a dead one.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellResult:
    """What came back from one program on the far side. Size-bounded: truncated says whether it was cut."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False


class Shell(Protocol):
    """An SSH connection to one host."""

    async def run(self, program: str, *, timeout: float, limit: int) -> ShellResult:
        """Run POSIX sh text over its standard input. Times in seconds, limit in bytes of output."""
        ...

    async def close(self) -> None:
        """Hang up. Never raises."""
        ...


class Network(Protocol):
    """Everything a probe may reach."""

    @property
    def resolver(self) -> Resolver:
        """The DNS."""
        ...

    async def connect(
        self,
        address: str,
        port: int,
        *,
        tls: TlsOffer | None = None,
        timeout: float | None = None,
        first: bytes = b"",
    ) -> Stream:
        """Connect to an IP address; with tls, shake hands first. Raises CannotLook.

        `first` is said before the far side can have said anything, or CannotLook(UNSUPPORTED) is raised.
        """
        ...

    async def shell(self, target: SshTarget) -> Shell:
        """Log in. Raises CannotLook (SSH_AUTH, SSH_HOST_KEY, REFUSED, TIMEOUT, ...)."""
        ...

    def local_addresses(self) -> frozenset[str]:
        """Addresses of the machine that the scan runs on."""
        ...

    def now(self) -> datetime:
        """The clock, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, for back-off and greylisting."""
        ...
