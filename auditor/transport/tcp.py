"""TCP connections with optional TLS, on asyncio's sockets and OpenSSL's memory buffers.

asyncio's own streams are not used: they read ahead without being asked, and what lies in their buffer when TLS
starts is exactly what a probe of STARTTLS injection has to see (CVE-2011-0411).
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

from auditor.evidence.tls import TlsSession
from auditor.model import Reason
from auditor.net import CannotLook, TlsOffer
from auditor.transport.faults import cannot_look
from auditor.transport.tls import context_for, describe, server_name_for

_CHUNK = 16_384
"""Bytes taken off the wire at once: one TLS record."""

_OUR_OWN_LACK = frozenset({"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE"})
"""The handshake never left this machine: nothing was learned about the server."""


def _utc() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - this is the edge where the clock is read


class TcpStream:
    """A net.Stream over one socket. Nothing is read that was not asked for."""

    def __init__(self, sock: socket.socket, timeout: float, on_close: Callable[[], None]) -> None:
        self._sock = sock
        self._timeout = timeout
        self._on_close = on_close
        self._closed = False
        self._engine: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session: TlsSession | None = None
        self.peer: str = sock.getpeername()[0]
        self.local: str = sock.getsockname()[0]
        self._where = f"{self.peer} port {sock.getpeername()[1]}"

    @property
    def tls(self) -> TlsSession | None:
        """Facts of the handshake, once there was one."""
        return self._session

    def _deadline(self) -> float:
        """Of one call, by the clock of the loop. Raises CannotLook after close()."""
        if self._closed:
            raise CannotLook(Reason.CONNECTION_LOST, f"{self._where}: already closed")
        return asyncio.get_running_loop().time() + self._timeout

    async def receive(self, limit: int) -> bytes:
        """At least one and at most `limit` bytes; b"" once the far side has closed."""
        deadline = self._deadline()
        try:
            if self._engine is None:
                return await self._take(limit, deadline)
            while True:
                try:
                    return self._engine.read(limit)
                except ssl.SSLWantReadError:
                    await self._exchange(deadline)
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""  # with or without close_notify: SMTP ends by QUIT, not by TLS
        except OSError as error:
            raise cannot_look(error, self._where) from error

    async def send(self, data: bytes) -> None:
        """Write all of it."""
        deadline = self._deadline()
        try:
            if self._engine is None:
                await self._give(data, deadline)
                return
            view = memoryview(data)
            while view:
                view = view[self._engine.write(view) :]
                await self._flush(deadline)
        except OSError as error:
            raise cannot_look(error, self._where) from error

    async def start_tls(self, offer: TlsOffer) -> TlsSession:
        """Shake hands. Raises CannotLook(TLS_FAILED) when there is no session."""
        try:
            engine = context_for(offer).wrap_bio(
                self._incoming, self._outgoing, server_hostname=server_name_for(offer)
            )
        except (ssl.SSLError, ValueError) as error:
            raise CannotLook(Reason.UNSUPPORTED, f"this OpenSSL cannot offer that: {error}") from error
        deadline = self._deadline()
        try:
            await self._shake_hands(engine, deadline)
        except OSError as error:
            raise cannot_look(error, self._where) from error
        self._engine = engine
        self._session = describe(engine, offer, _utc())
        return self._session

    async def _shake_hands(self, engine: ssl.SSLObject, deadline: float) -> None:
        while True:
            try:
                engine.do_handshake()
                break
            except ssl.SSLWantReadError:
                if self._incoming.eof:
                    raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "hung up in the handshake") from None
                await self._exchange(deadline)
            except ssl.SSLError as error:
                with contextlib.suppress(OSError):
                    await self._flush(deadline)  # our alert tells the server's log why
                if error.reason in _OUR_OWN_LACK:
                    raise CannotLook(Reason.UNSUPPORTED, f"this OpenSSL cannot: {error.reason}") from error
                raise
        await self._flush(deadline)

    async def _flush(self, deadline: float) -> None:
        pending = self._outgoing.read()
        if pending:
            await self._give(pending, deadline)

    async def _exchange(self, deadline: float) -> None:
        """Hand over what OpenSSL has to say, then one chunk of what the far side says."""
        await self._flush(deadline)
        chunk = await self._take(_CHUNK, deadline)
        if chunk:
            self._incoming.write(chunk)
        else:
            self._incoming.write_eof()

    async def _take(self, limit: int, deadline: float) -> bytes:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return self._sock.recv(limit)
            except BlockingIOError:
                await _until(self._sock, loop.add_reader, loop.remove_reader, deadline)

    async def _give(self, data: bytes, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(BlockingIOError):
                data = data[self._sock.send(data) :]
            if not data:
                return
            await _until(self._sock, loop.add_writer, loop.remove_writer, deadline)

    async def close(self) -> None:
        """Hang up. Never raises."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._engine is not None:
                with contextlib.suppress(OSError):
                    self._engine.unwrap()
            with contextlib.suppress(OSError):
                self._sock.send(self._outgoing.read())  # close_notify, if the socket takes it at once
        finally:
            self._sock.close()
            self._on_close()


async def _until(
    sock: socket.socket, watch: Callable[..., object], unwatch: Callable[[int], object], deadline: float
) -> None:
    """Wait for the socket. The loop's own coroutines for sockets below asyncio.timeout() take three times as long.

    Raises TimeoutError.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    number = sock.fileno()
    watch(number, _wake, ready)
    alarm = loop.call_at(deadline, _give_up, ready)
    try:
        await ready
    finally:
        alarm.cancel()
        if sock.fileno() == number:
            unwatch(number)


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _give_up(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_exception(TimeoutError())


async def dial(address: str, port: int, *, timeout: float, first: bytes = b"") -> socket.socket:
    """A connected socket, at which `first` was said before the far side said anything. Raises CannotLook."""
    where = f"{address} port {port}"
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise cannot_look(error, where) from error
    sock.setblocking(False)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(sock.close)
        try:
            if first:
                _hold_back_ack(sock, where)
            await _connect(sock, (address, port), timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if first:
                _say_first(sock, first, where)
        except OSError as error:
            raise cannot_look(error, where) from error
        on_failure.pop_all()
    return sock


async def _connect(sock: socket.socket, where: tuple[str, int], timeout: float) -> None:
    """Raises OSError."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    try:
        sock.connect(where)
    except BlockingIOError:
        await _until(sock, loop.add_writer, loop.remove_writer, deadline)
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number)) from None


def _hold_back_ack(sock: socket.socket, where: str) -> None:
    """Have what we say travel with the packet that completes the connection (tcp(7), TCP_QUICKACK).

    Without it the server learns of the connection first, and a quick one has greeted before our words arrive.
    Linux waits for 40 ms for something to send with it.
    """
    if not hasattr(socket, "TCP_QUICKACK"):
        raise CannotLook(Reason.UNSUPPORTED, f"{where}: this system cannot speak before a server may")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)


def _say_first(sock: socket.socket, first: bytes, where: str) -> None:
    with contextlib.suppress(BlockingIOError):
        sock.recv(1, socket.MSG_PEEK)
        raise CannotLook(Reason.UNSUPPORTED, f"{where}: was quicker than we are")
    if sock.send(first) != len(first):
        raise CannotLook(Reason.UNSUPPORTED, f"{where}: takes less than {len(first)} octets at first")


async def converse(
    sock: socket.socket, *, tls: TlsOffer | None, timeout: float, on_close: Callable[[], None]
) -> TcpStream:
    """A stream over a connected socket; with tls, shake hands first. `on_close` is called once, also on failure.

    Raises CannotLook.
    """
    try:
        stream = TcpStream(sock, timeout, on_close)
    except OSError as error:  # reset between connecting and asking for the names of both ends
        sock.close()
        on_close()
        raise cannot_look(error, "a new connection") from error
    async with contextlib.AsyncExitStack() as on_failure:
        on_failure.push_async_callback(stream.close)
        if tls is not None:
            await stream.start_tls(tls)
        on_failure.pop_all()
    return stream
