"""SSH by paramiko in threads: one connection to a host, its key verified, nothing forwarded, no password asked.

Honours known_hosts (also @revoked), the agent, the usual key files, and of ~/.ssh/config HostName, User, Port,
IdentityFile, IdentitiesOnly and ProxyJump, because that is how admins reach their hosts.
"""

import asyncio
import getpass
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

from auditor.model import Reason, SshTarget
from auditor.net import CannotLook, ShellResult
from auditor.transport._keys import KeyRing

BECOME_ROOT = (
    """sh -c 'if [ "$(id -u)" = 0 ]; then exec sh -s; """
    """elif sudo -n true 2>/dev/null; then exec sudo -n sh -s; else exec sh -s; fi'"""
)
"""Quoted so that a login shell of any kind (csh, fish) hands it on unchanged. Never asks for a password."""
KEEPALIVE = 15
"""Seconds; shorter than any stateful firewall's patience."""
CHUNK = 32768
MAX_JUMPS = 4
SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


class UnknownHostKeyError(paramiko.SSHException):
    """The server's key is in no known_hosts file, or marked as revoked there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where to connect and as whom, once ~/.ssh/config was asked."""

    host: str
    port: int
    user: str
    keys: tuple[str, ...] = ()
    only_these_keys: bool = False
    jumps: tuple[str, ...] = ()
    """[user@]host[:port] of each jump host, nearest first."""


def find_route(target: SshTarget, *, home: Path) -> Route:
    """What was said on the command line or in the inventory wins over ~/.ssh/config, as with ssh(1)."""
    said = _configured(target.host, home)
    jump = said.get("proxyjump", "none")
    identities = [path for path in said.get("identityfile", []) if Path(path).is_file()]
    return Route(
        host=said.get("hostname", target.host),
        port=target.port if target.port != 22 else int(said.get("port", 22)),
        user=target.user or said.get("user") or getpass.getuser(),
        keys=(target.key_file,) if target.key_file else tuple(identities),
        only_these_keys=bool(target.key_file) or said.get("identitiesonly") == "yes",
        jumps=() if jump.lower() == "none" else tuple(jump.split(",")),
    )


def _configured(host: str, home: Path) -> paramiko.SSHConfigDict:
    path = home / ".ssh" / "config"
    if not path.is_file():
        return paramiko.SSHConfigDict()
    try:
        return paramiko.SSHConfig.from_path(str(path)).lookup(host)
    except (
        paramiko.ConfigParseError,
        paramiko.CouldNotCanonicalize,
        ImportError,
        OSError,
        ValueError,
    ) as error:
        raise CannotLook(Reason.MALFORMED, f"~/.ssh/config cannot be used: {error}") from error


_MEANINGS: tuple[tuple[type[BaseException], Reason, str], ...] = (
    (
        paramiko.BadHostKeyException,
        Reason.SSH_HOST_KEY,
        """THE HOST KEY HAS CHANGED. Either the host was built anew or somebody sits in between: \
compare fingerprints over another path, then `ssh-keygen -R '{name}'` and log in by hand once""",
    ),
    (UnknownHostKeyError, Reason.SSH_HOST_KEY, "{said}"),
    (
        paramiko.PasswordRequiredException,
        Reason.SSH_AUTH,
        "the key has a passphrase; load it with ssh-add first",
    ),
    (paramiko.AuthenticationException, Reason.SSH_AUTH, "no key that was offered is accepted ({said})"),
    (paramiko.SSHException, Reason.PROTOCOL, "{said}"),
    (EOFError, Reason.CONNECTION_LOST, "SSH connection lost"),
    (socket.gaierror, Reason.NO_ADDRESS, "the name has no address here"),
    (TimeoutError, Reason.TIMEOUT, "no answer from SSH in time"),
    (ConnectionRefusedError, Reason.REFUSED, "SSH connection refused"),
    (ConnectionError, Reason.CONNECTION_LOST, "SSH connection lost"),
    (PermissionError, Reason.SSH_AUTH, "{said}"),
    (FileNotFoundError, Reason.SSH_AUTH, "{said}"),
    (OSError, Reason.UNREACHABLE, "{said}"),
    (ValueError, Reason.PROTOCOL, "{said}"),
    (InvalidHostKey, Reason.PROTOCOL, "the host key cannot be read"),
)
"""The one table: what paramiko, the socket or a key file raised -> why we could not look. First match wins."""
EDGE_ERRORS = (paramiko.SSHException, OSError, EOFError, ValueError, InvalidHostKey)
"""All that comes up from there. ValueError: keys with impossible numbers in them."""


def explain(error: Exception, host: str, *, port: int = 22) -> CannotLook:
    """The same failure in the words of the report."""
    name = host if port == 22 else f"[{host}]:{port}"
    for kind, reason, meaning in _MEANINGS:
        if isinstance(error, kind):
            return CannotLook(reason, f"{name}: {meaning.format(name=name, said=_first_line(error))}")
    raise error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]


class _RefuseUnknown(paramiko.MissingHostKeyPolicy):
    def __init__(self, revoked: frozenset[bytes]) -> None:
        self._revoked = revoked

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002 - paramiko's signature
        if key.asbytes() in self._revoked:
            raise UnknownHostKeyError(
                f"host key {key.get_name()} {key.fingerprint} is marked @revoked in known_hosts"
            )
        raise UnknownHostKeyError(
            f"unknown host key {key.get_name()} {key.fingerprint}; compare it with the host's own "
            "(`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then log in by hand once to add it"
        )


def _entries(path: Path) -> Iterator[tuple[str, HostKeyEntry]]:
    """(marker, entry) of every line that can be read; one bad line must not hide the good ones."""
    if not path.is_file():
        return
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if not words or words[0].startswith("#"):
            continue
        with suppress(paramiko.SSHException, InvalidHostKey, ValueError):
            entry = HostKeyEntry.from_line(" ".join(words))
            if entry is not None:
                yield marker, entry


def _trust(client: paramiko.SSHClient, files: tuple[Path, ...]) -> None:
    """Teach the client the known keys; a revoked one is not known, whatever another line says."""
    entries = [found for path in files for found in _entries(path)]
    revoked = frozenset(entry.key.asbytes() for marker, entry in entries if marker == "@revoked")
    for marker, entry in entries:
        if not marker and entry.key.asbytes() not in revoked:
            for name in entry.hostnames or ():
                client.get_host_keys().add(name, entry.key.get_name(), entry.key)
    client.set_missing_host_key_policy(_RefuseUnknown(revoked))


def _dial(
    route: Route, timeout: float, through: paramiko.SSHClient | None
) -> "socket.socket | paramiko.Channel":
    if through is None:
        return socket.create_connection((route.host, route.port), timeout)
    transport = through.get_transport()
    assert transport is not None, "a jump host that is connected has a transport"
    return transport.open_channel("direct-tcpip", (route.host, route.port), ("127.0.0.1", 0), timeout=timeout)


def _connect(
    route: Route, known_hosts: tuple[Path, ...], timeout: float, through: paramiko.SSHClient | None
) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    try:
        _trust(client, known_hosts)
        link = _dial(route, timeout, through)
        client.connect(
            route.host,
            route.port,
            route.user,
            auth_strategy=KeyRing(route.user, route.keys, only_files=route.only_these_keys, home=Path.home()),
            sock=link,
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
            channel_timeout=timeout,
        )
        transport = client.get_transport()
        assert transport is not None, "connect() returned, so there is a transport"
        transport.set_keepalive(KEEPALIVE)
    except EDGE_ERRORS as error:
        client.close()
        raise explain(error, route.host, port=route.port) from error
    return client


def log_in(target: SshTarget, timeout: float) -> tuple[paramiko.SSHClient, ...]:
    """The connected clients of every hop, the target's last; blocks. Raises CannotLook. Times in seconds."""
    home = Path.home()
    known = (
        (Path(target.known_hosts),) if target.known_hosts else (home / ".ssh/known_hosts", SYSTEM_KNOWN_HOSTS)
    )
    route = find_route(target, home=home)
    if len(route.jumps) > MAX_JUMPS:
        raise CannotLook(Reason.MALFORMED, f"{target.host}: more than {MAX_JUMPS} jump hosts")
    clients: list[paramiko.SSHClient] = []
    try:
        for hop in (*(find_route(parse_destination(jump), home=home) for jump in route.jumps), route):
            clients.append(_connect(hop, known, timeout, clients[-1] if clients else None))
    except CannotLook:
        hang_up(tuple(clients))
        raise
    return tuple(clients)


def parse_destination(text: str) -> SshTarget:
    """[USER@]HOST[:PORT], with brackets around an IPv6 address that has a port. Raises CannotLook(MALFORMED)."""
    user, _, place = text.strip().rpartition("@")
    host, port = place, "22"
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":") or "22"
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise CannotLook(Reason.MALFORMED, f"not [USER@]HOST[:PORT]: {text!r}")
    return SshTarget(host=host, port=int(port), user=user or None)


def hang_up(clients: tuple[paramiko.SSHClient, ...]) -> None:
    """Close every hop, the target's first. Never raises."""
    for client in reversed(clients):
        with suppress(*EDGE_ERRORS):
            client.close()


class _Received:
    """One direction of a channel, kept up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = bytearray()

    @property
    def full(self) -> bool:
        return len(self.data) > self.limit

    def kept(self) -> bytes:
        return bytes(self.data[: self.limit])


class SshShell:
    """A connection that is logged in. Implements auditor.net.Shell."""

    def __init__(self, clients: tuple[paramiko.SSHClient, ...], name: str) -> None:
        self._clients = clients
        self._name = name
        # Its own threads, three for each program: a shared pool that is full of readers would leave writers waiting.
        self._turn = asyncio.Lock()
        self._threads = ThreadPoolExecutor(max_workers=9, thread_name_prefix=f"ssh-{name}")

    async def run(self, program: str, *, timeout: float, limit: int) -> ShellResult:
        """Run POSIX sh text as root where that needs no password. Times in seconds, limit in bytes of each channel.

        What arrived before the deadline, or before the limit, is returned as truncated. Raises CannotLook.
        """
        if self._turn.locked():
            with suppress(
                paramiko.ChannelException
            ):  # MaxSessions 1 in sshd_config: one after the other then
                return await self._run(program, timeout=timeout, limit=limit)
        async with self._turn:
            try:
                return await self._run(program, timeout=timeout, limit=limit)
            except paramiko.ChannelException as error:
                raise explain(error, self._name) from error

    async def _run(self, program: str, *, timeout: float, limit: int) -> ShellResult:
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + timeout
        try:
            channel = await loop.run_in_executor(self._threads, self._start, timeout)
        except paramiko.ChannelException:
            raise
        except EDGE_ERRORS as error:
            raise explain(error, self._name) from error
        out, err = _Received(limit), _Received(limit)
        try:
            await asyncio.gather(
                loop.run_in_executor(self._threads, self._feed, channel, program.encode()),
                loop.run_in_executor(self._threads, self._drain, channel, out, deadline, False),
                loop.run_in_executor(self._threads, self._drain, channel, err, deadline, True),
            )
            # The exit status follows the end of the output, a packet later.
            finished = await loop.run_in_executor(self._threads, channel.status_event.wait, 2.0)
            finished = finished and channel.exit_status >= 0
            if not finished and not out.data:
                raise CannotLook(
                    Reason.TIMEOUT if time.monotonic() >= deadline else Reason.CONNECTION_LOST,
                    f"{self._name}: logged in, but the far side said nothing",
                )
            return ShellResult(
                exit_code=channel.exit_status if finished else -1,
                stdout=out.kept(),
                stderr=err.kept(),
                truncated=out.full or err.full or not finished,
            )
        finally:
            channel.close()

    def _start(self, timeout: float) -> paramiko.Channel:
        transport = self._clients[-1].get_transport()
        if transport is None or not transport.is_active():
            raise ConnectionResetError("the SSH connection is gone")
        channel = transport.open_session(timeout=timeout)
        channel.settimeout(min(timeout, 1.0))  # how often the deadline is looked at
        channel.exec_command(BECOME_ROOT)
        return channel

    @staticmethod
    def _feed(channel: paramiko.Channel, program: bytes) -> None:
        rest = program
        try:
            while rest and not channel.closed:
                with suppress(TimeoutError):
                    rest = rest[channel.send(rest[:CHUNK]) :]
            channel.shutdown_write()
        except EDGE_ERRORS:
            return  # the far side hung up; what it said, or did not say, tells

    @staticmethod
    def _drain(channel: paramiko.Channel, into: _Received, deadline: float, stderr: bool) -> None:
        receive = channel.recv_stderr if stderr else channel.recv
        while True:
            try:
                chunk = receive(CHUNK)
            except TimeoutError:
                chunk = None
            except EDGE_ERRORS:
                return
            if chunk == b"":
                return
            into.data += chunk or b""
            if into.full or time.monotonic() >= deadline:
                channel.close()  # frees the other two threads as well
                return

    async def close(self) -> None:
        """Hang up. Never raises."""
        await asyncio.get_running_loop().run_in_executor(None, hang_up, self._clients)
        self._threads.shutdown(wait=False, cancel_futures=True)


async def login(target: SshTarget, *, timeout: float) -> SshShell:
    """Connect, verify the host's key, authenticate. Raises CannotLook."""
    clients = await asyncio.to_thread(log_in, target, timeout)
    return SshShell(clients, target.host)
