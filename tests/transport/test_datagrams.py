"""Exchanges over UDP: what makes a forger's life hard, and that every question ends."""

import asyncio
import socket
from contextlib import contextmanager

from auditor.transport.datagrams import QUESTIONS_PER_SOCKET, Datagrams
from auditor.transport.dns_message import Question

QUERY = Question("example.org", "A", checking_disabled=False).wire


@contextmanager
def listening():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        yield server


async def taken(server, count):
    """Queries as they arrive: (id, port that they came from)."""
    loop = asyncio.get_running_loop()
    found = []
    for _ in range(count):
        data, (_, port) = await loop.sock_recvfrom(server, 4096)
        found.append((data[:2], port))
    return found


async def test_no_id_is_used_twice_on_a_port_and_ports_are_renewed():
    with listening() as server:
        datagrams = Datagrams(server.getsockname(), 5)
        seen = []
        for _ in range(2 * QUESTIONS_PER_SOCKET):
            datagrams.exchange(QUERY, lambda _: None)
            seen += await taken(server, 1)
        datagrams.close()
    assert len(set(seen)) == 2 * QUESTIONS_PER_SOCKET
    assert len({port for _, port in seen}) == 2


async def test_a_port_that_is_used_up_closes_with_its_last_reply():
    loop = asyncio.get_running_loop()
    with listening() as server:
        datagrams = Datagrams(server.getsockname(), 5)
        for _ in range(QUESTIONS_PER_SOCKET):
            heard = loop.create_future()
            datagrams.exchange(QUERY, heard.set_result)
            data, sender = await loop.sock_recvfrom(server, 4096)
            server.sendto(data[:2] + b"\x81" + data[3:], sender)
            assert (await heard)[:2] == data[:2]
        assert not datagrams._open
        datagrams.close()


async def test_one_alarm_ends_every_question_that_nobody_answers():
    loop = asyncio.get_running_loop()
    with listening() as server:
        datagrams = Datagrams(server.getsockname(), 0.05)
        heard = [loop.create_future() for _ in range(3)]
        for one in heard:
            datagrams.exchange(QUERY, one.set_result)
            await asyncio.sleep(0.02)
        outcomes = await asyncio.wait_for(asyncio.gather(*heard), 2)
        datagrams.close()
    assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 3


async def test_what_comes_too_late_or_twice_is_told_to_nobody():
    loop = asyncio.get_running_loop()
    told = []
    with listening() as server:
        datagrams = Datagrams(server.getsockname(), 0.05)
        datagrams.exchange(QUERY, told.append)
        data, sender = await loop.sock_recvfrom(server, 4096)
        await asyncio.sleep(0.1)
        for _ in range(2):
            server.sendto(data[:2] + b"\x81" + data[3:], sender)
        await asyncio.sleep(0.05)
        datagrams.close()
    assert [type(outcome) for outcome in told] == [TimeoutError]


async def test_an_error_is_told_later_and_never_while_asking():
    told = []
    datagrams = Datagrams(("198.51.100.300", 53), 1)  # no address: there is no socket to be had
    datagrams.exchange(QUERY, told.append)
    assert not told
    await asyncio.sleep(0)
    assert isinstance(told[0], OSError)
    datagrams.close()
