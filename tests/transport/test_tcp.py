import asyncio
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.model import Reason
from auditor.net import CannotLook, TlsMode, TlsOffer
from auditor.transport import tcp, tls
from auditor.transport.network import RealNetwork
from tests.scripted import ScriptedResolver
from tests.transport.loopback import certificate, server_context, serving


def network(timeout: float = 2.0) -> RealNetwork:
    return RealNetwork(ScriptedResolver({}), timeout=timeout)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 not tls at all\r\n" * 50)
    await writer.drain()


async def test_what_is_sent_comes_back_and_the_far_end_is_named():
    async with serving(echo) as port:
        stream = await network().connect("127.0.0.1", port)
        await stream.send(b"EHLO there\r\n")
        assert await stream.receive(5) == b"EHLO "
        assert (stream.peer, stream.local, stream.tls) == ("127.0.0.1", "127.0.0.1", None)
        await stream.close()


async def test_a_closed_port_is_refused():
    async with serving(echo) as port:
        pass
    with pytest.raises(CannotLook) as failure:
        await network().connect("127.0.0.1", port)
    assert failure.value.reason is Reason.REFUSED


async def test_silence_is_a_timeout():
    async with serving(silent) as port:
        stream = await network(timeout=0.1).connect("127.0.0.1", port)
        with pytest.raises(CannotLook) as failure:
            await stream.receive(10)
        assert failure.value.reason is Reason.TIMEOUT
        await stream.close()


async def test_hanging_up_in_order_is_an_end_and_no_failure():
    async def bye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"221")

    async with serving(bye) as port:
        stream = await network().connect("127.0.0.1", port)
        assert await stream.receive(10) == b"221"
        assert await stream.receive(10) == b""
        await stream.close()
        with pytest.raises(CannotLook, match="already closed"):
            await stream.send(b"x")


async def test_a_self_signed_certificate_is_evidence_and_no_failure(tmp_path: Path):
    path, _, _ = certificate(tmp_path, "mx.lab.test")
    async with serving(echo, tls=server_context(path)) as port:
        stream = await network().connect("127.0.0.1", port, tls=TlsOffer(server_name="mx.lab.test"))
        assert stream.tls is not None
        assert stream.tls.version == "TLSv1.3"
        assert len(stream.tls.chain) == 1
        assert stream.tls.verify_error
        await stream.send(b"x" * 100_000)
        got = b""
        while len(got) < 100_000:
            got += await stream.receive(65_536)
        await stream.close()


async def test_a_chain_to_a_root_of_this_machine_is_trusted_for_its_own_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root_path, root, root_key = certificate(tmp_path, "Lab Root", ca=True)
    path, _, _ = certificate(tmp_path, "mx.lab.test", issuer=(root, root_key))
    monkeypatch.setenv("SSL_CERT_FILE", str(root_path))
    tls._roots.cache_clear()
    async with serving(echo, tls=server_context(path)) as port:
        here = network()
        good = await here.connect("127.0.0.1", port, tls=TlsOffer(server_name="mx.lab.test"))
        await good.close()
        other = await here.connect("127.0.0.1", port, tls=TlsOffer(server_name="other.lab.test"))
        await other.close()
    tls._roots.cache_clear()
    assert good.tls is not None
    assert other.tls is not None
    assert good.tls.verify_error is None
    assert len(good.tls.chain) == 2
    assert other.tls.verify_error


@pytest.mark.parametrize("mode", TlsMode)
async def test_garbage_instead_of_tls_is_a_failed_handshake(mode: TlsMode):
    async with serving(garbage) as port:
        with pytest.raises(CannotLook) as failure:
            await network().connect("127.0.0.1", port, tls=TlsOffer(mode=mode))
    assert failure.value.reason is Reason.TLS_FAILED


async def test_hanging_up_in_the_handshake_is_a_failed_handshake():
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with serving(hang_up) as port:
        with pytest.raises(CannotLook) as failure:
            await network().connect("127.0.0.1", port, tls=TlsOffer())
    assert failure.value.reason in {Reason.TLS_FAILED, Reason.CONNECTION_LOST}


async def test_a_cipher_that_this_openssl_lacks_is_said_so():
    async with serving(echo) as port:
        with pytest.raises(CannotLook) as failure:
            await network().connect("127.0.0.1", port, tls=TlsOffer(ciphers="NO-SUCH-CIPHER"))
    assert failure.value.reason is Reason.UNSUPPORTED


async def test_one_address_is_visited_by_one_connection_at_a_time():
    open_now, most = 0, 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await reader.read()
        open_now -= 1

    async with serving(count) as port:
        here = network()

        async def visit() -> None:
            stream = await here.connect("127.0.0.1", port)
            await asyncio.sleep(0.02)
            await stream.close()
            await stream.close()

        started = time.monotonic()
        await asyncio.gather(*(visit() for _ in range(5)))
        assert time.monotonic() - started >= 0.1
    assert most == 1


async def test_a_failed_connection_gives_its_place_back():
    async with serving(echo) as port:
        pass
    here = network()
    for _ in range(3):
        with pytest.raises(CannotLook):
            await here.connect("127.0.0.1", port)


def test_this_machine_knows_its_own_addresses():
    assert "127.0.0.1" in network().local_addresses()
    assert network().now().tzinfo is UTC


def test_a_chain_is_judged_at_the_time_of_the_scan():
    assert tls.verify((), "mx.lab.test", datetime(2026, 1, 1, tzinfo=UTC)) == "no certificate was presented"
    assert tls.verify((b"not DER",), "mx.lab.test", datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_port_that_never_answers_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch):
    """Packet filters drop: seven filtered ports would cost seven time-outs, one after the other."""
    dial = tcp.dial

    async def filtered(address: str, port: int, *, timeout: float, first: bytes) -> socket.socket:
        if port == 9:
            await asyncio.sleep(timeout)
            raise CannotLook(Reason.TIMEOUT, "no answer in time")
        return await dial(address, port, timeout=timeout)

    monkeypatch.setattr(tcp, "dial", filtered)
    monkeypatch.setattr("auditor.transport.network.PATIENCE", 0.05)
    here = network(timeout=0.5)
    async with serving(echo) as port:
        started = time.monotonic()
        silent = [asyncio.ensure_future(here.connect("127.0.0.1", 9)) for _ in range(5)]
        await asyncio.sleep(0)
        stream = await here.connect("127.0.0.1", port)
        await stream.close()
        failures = await asyncio.gather(*silent, return_exceptions=True)
        assert time.monotonic() - started < 1.5
    assert {getattr(failure, "reason", None) for failure in failures} == {Reason.TIMEOUT}


async def test_a_visit_that_is_called_off_gives_its_place_back():
    async with serving(echo) as port:
        here = network()
        first = await here.connect("127.0.0.1", port)
        waiting = asyncio.ensure_future(here.connect("127.0.0.1", port))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait({waiting})
        await first.close()
        second = await asyncio.wait_for(here.connect("127.0.0.1", port), 1)
        await second.close()


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
async def test_what_is_said_first_is_there_when_the_server_learns_of_the_connection(
    family: socket.AddressFamily, address: str
):
    """Ten times of ten; without holding the packet back a server on this machine is quicker three times of four."""
    listener = socket.create_server((address, 0), family=family)

    def accept() -> bytes:
        accepted, _ = listener.accept()
        with accepted:
            return accepted.recv(100, socket.MSG_DONTWAIT)

    with listener:
        for _ in range(10):
            accepting = asyncio.ensure_future(asyncio.to_thread(accept))
            stream = await network().connect(address, listener.getsockname()[1], first=b"EHLO x\r\n")
            assert await accepting == b"EHLO x\r\n"
            await stream.close()


async def test_a_system_that_cannot_speak_first_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(socket, "TCP_QUICKACK")
    async with serving(silent) as port:
        with pytest.raises(CannotLook) as failure:
            await network().connect("127.0.0.1", port, first=b"EHLO x\r\n")
    assert failure.value.reason is Reason.UNSUPPORTED
