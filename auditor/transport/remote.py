"""A shell on the host of an incident: one program at a time, its output streamed here, nothing written there.

Host keys are verified, the agent is never forwarded, sudo never asks. paramiko is imported when the first connection
is made, because `auditor --help` must not pay for it.
"""

import shlex
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, Self

from msgspec import Struct

from auditor.model import SshTarget
from auditor.net import CannotLook

if TYPE_CHECKING:
    import paramiko

LIMIT: Final = 10_000_000
_PIECE: Final = 65536
_STDERR_LIMIT: Final = 1_000_000
_GRACE: Final = 10.0
_LINGER: Final = 3.0
TIMED_OUT: Final = 124
"""Exit code of timeout(1) when it had to end the program."""


class CannotReach(Exception):
    """The host could not be logged in to, or the connection broke: what it did is then not known."""


class Program(Struct, frozen=True, kw_only=True):
    """POSIX sh text with what it gets: positional parameters, standard input, and seconds to live."""

    text: str
    args: tuple[str, ...] = ()
    stdin: bytes = b""
    timeout: float = 60.0


class Ran(Struct, frozen=True, kw_only=True):
    """A program that came to its end. exit is 124 when its time was over."""

    exit: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False


Sink = Callable[[bytes], None]


class Remote(Protocol):
    """A way to run programs on one host as root."""

    def run(self, program: Program, *, limit: int = LIMIT, sink: Sink | None = None) -> Ran:
        """Run it under `sh -eu`; raises CannotReach.

        limit in bytes of stdout kept in memory (none is kept with a sink, which gets every piece).
        """
        ...

    def close(self) -> None:
        """Hang up. Never raises."""
        ...


def command_line(program: Program, *, become: bool) -> str:
    """The one line that an SSH server hands to the login shell. Everything that varies is one quoted word."""
    seconds = f"{max(1, round(program.timeout))}"
    limited = [
        "timeout",
        "--kill-after=5",
        seconds,
        "sh",
        "-eu",
        "-c",
        program.text,
        "auditor",
        *program.args,
    ]
    return shlex.join([*(["sudo", "-n", "--"] if become else []), *limited])


class SshRemote:
    """paramiko's connection to one host, opened when it is first needed and again after it was lost."""

    def __init__(self, target: SshTarget, *, connect_timeout: float = 15.0) -> None:
        self.target, self.connect_timeout = target, connect_timeout
        self._clients: tuple[paramiko.SSHClient, ...] = ()
        self._become = target.become

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up. Never raises."""
        clients, self._clients = self._clients, ()
        if clients:
            from auditor.transport.ssh import hang_up  # noqa: PLC0415 - see run

            hang_up(clients)

    def run(self, program: Program, *, limit: int = LIMIT, sink: Sink | None = None) -> Ran:
        """See Remote."""
        from auditor.transport.ssh import EDGE_ERRORS  # noqa: PLC0415 - 164 ms of paramiko that only a connection is worth

        try:
            channel = self._transport().open_session(timeout=self.connect_timeout)
            channel.exec_command(command_line(program, become=self._become))
            return _Conversation(channel, program.stdin, limit, sink).to_the_end(program.timeout + _GRACE)
        except EDGE_ERRORS as error:
            self.close()
            raise CannotReach(f"{self.target.host}: {str(error) or type(error).__name__}") from None

    def _transport(self) -> "paramiko.Transport":
        transport = self._clients[-1].get_transport() if self._clients else None
        if transport is None or not transport.is_active():
            self.close()
            from auditor.transport.ssh import log_in  # noqa: PLC0415 - see run

            try:
                self._clients = log_in(self.target, self.connect_timeout)
            except CannotLook as error:
                raise CannotReach(str(error)) from None
            transport = self._clients[-1].get_transport()
            if transport is None:
                raise CannotReach(f"{self.target.host}: the connection was lost at once")
            self._become = self.target.become or not self._is_root(transport)
        return transport

    @staticmethod
    def _is_root(transport: "paramiko.Transport") -> bool:
        channel = transport.open_session(timeout=10)
        channel.exec_command("id -u")
        return _Conversation(channel, b"", 100, None).to_the_end(15).stdout.strip() == b"0"


class _Conversation:
    """Feeds a program's input and drains both outputs, so that neither side waits for the other."""

    def __init__(self, channel: "paramiko.Channel", stdin: bytes, limit: int, sink: Sink | None) -> None:
        self.channel, self.left, self.limit, self.sink = channel, stdin, limit, sink
        self.kept, self.errors = bytearray(), bytearray()
        self.truncated = False
        if not stdin:
            channel.shutdown_write()

    def to_the_end(self, timeout: float) -> Ran:
        """Raises TimeoutError or EOFError when the program's end was not seen."""
        end = time.monotonic() + timeout
        exited: float | None = None
        while not self._over(exited):
            if time.monotonic() > end:
                self.channel.close()
                raise TimeoutError("the program did not end in time, and its end was not seen")
            if not any((self._fed(), self._drained(), self._drained_errors())):
                time.sleep(0.005)
            if exited is None and self.channel.exit_status_ready():
                exited = time.monotonic()
        code = self.channel.recv_exit_status() if exited is not None else -1
        self.channel.close()
        if code < 0:
            raise EOFError("the connection broke before the program's end was seen")
        return Ran(exit=code, stdout=bytes(self.kept), stderr=bytes(self.errors), truncated=self.truncated)

    def _over(self, exited: float | None) -> bool:
        """Its exit code came and its output ended; a daemon that keeps the pipe open is not waited for."""
        if self.channel.recv_ready() or self.channel.recv_stderr_ready():
            return False
        if self.channel.closed:
            return True
        return exited is not None and (bool(self.channel.eof_received) or time.monotonic() > exited + _LINGER)

    def _fed(self) -> bool:
        if not self.left or not self.channel.send_ready():
            return False
        self.left = self.left[self.channel.send(self.left[:_PIECE]) :]
        if not self.left:
            self.channel.shutdown_write()
        return True

    def _drained(self) -> bool:
        if not self.channel.recv_ready():
            return False
        piece = self.channel.recv(_PIECE)
        if self.sink is not None:
            self.sink(piece)
        else:
            self.truncated = self.truncated or len(self.kept) + len(piece) > self.limit
            self.kept += piece[: max(0, self.limit - len(self.kept))]
        return True

    def _drained_errors(self) -> bool:
        if not self.channel.recv_stderr_ready():
            return False
        self.errors += self.channel.recv_stderr(_PIECE)[: max(0, _STDERR_LIMIT - len(self.errors))]
        return True
