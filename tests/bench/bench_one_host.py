"""One host, far away: what a scan from outside takes, against the longest chain of its own round trips.

python -m tests.bench.bench_one_host
python -m pytest -m bench tests/bench/bench_one_host.py -s

The chain is read off the transcript of the run itself: look-ups that had to be answered before the first connection,
and then every answer of the address that gave most of them, since one connection is open at a time per address.
"""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from auditor.discover import Target
from auditor.model import Options
from auditor.registry import load
from auditor.scan import Look, Request, look
from auditor.transport.dns import CachingResolver
from auditor.transport.loop import runner
from auditor.transport.network import RealNetwork
from tests.bench.far_away import address
from tests.transport.loopback import certificate

HERE = Path(__file__).parent
NAMES, DELAY = 5310, 0.050
PORTS = {25: 5325, 587: 5327, 465: 5326}
CLOSED = 5399
BOUND = 1.3


class Transcript:
    """When each look-up began and ended, and when the first connection was made."""

    def __init__(self):
        self.asked = []
        self.connected = []


class Resolver:
    """Notes what the other resolver is asked; what it has in its cache costs nothing and does not count."""

    def __init__(self, other, transcript):
        self._other, self._transcript = other, transcript

    async def ask(self, name, kind, **options):
        began = time.monotonic()
        try:
            return await self._other.ask(name, kind, **options)
        finally:
            self._transcript.asked.append((began, time.monotonic()))


class Loopback(RealNetwork):
    """Addresses of the benchmark's world begin with 1.; here they are loopback, and nothing else can be reached."""

    def __init__(self, resolver, transcript):
        super().__init__(resolver)
        self._transcript = transcript

    async def connect(self, address, port, **options):
        self._transcript.connected.append(time.monotonic())
        return await super().connect(f"127.{address.partition('.')[2]}", port, **options)


@contextmanager
def process(*words):
    command = [sys.executable, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        while server.stdout.readline().strip() != "ready":
            assert server.poll() is None, "the servers did not start"
        try:
            yield server
        finally:
            server.stdin.close()


def depth(intervals):
    """The most look-ups of which each began after another had been answered."""
    longest, free = 0, 0.0
    for began, ended in sorted(intervals, key=lambda interval: interval[1]):
        if began >= free and ended - began >= DELAY / 2:
            longest, free = longest + 1, ended
    return longest


async def scan(transcript):
    inner = CachingResolver([("127.0.0.1", NAMES)])
    ports = tuple({port: PORTS.get(port, CLOSED) for port in (25, 587, 465, 143, 110, 993, 995, 443)}.items())
    options = Options(helo="scanner.bench", assume_outside=True, ports=ports)
    request = Request(targets=(Target("d0.bench"),), options=options, look=Look.OUTSIDE)
    try:
        return await look(request, load(), Loopback(Resolver(inner, transcript), transcript))
    finally:
        await inner.close()


def measure():
    """Seconds taken, seconds of the chain, and the connections."""
    transcript = Transcript()
    load()
    with TemporaryDirectory() as folder:
        pem, _, _ = certificate(Path(folder), "mx.d0.bench")
        here = f"127.{address(0).partition('.')[2]}"
        numbers = [str(PORTS[port]) for port in (25, 587, 465)]
        with (
            process(str(HERE / "far_away.py"), str(NAMES), str(DELAY), "1"),
            process(str(HERE / "distant.py"), here, *numbers, str(DELAY), str(pem)) as host,
        ):
            started = time.monotonic()
            with runner() as loop:
                loop.run(scan(transcript))
            took = time.monotonic() - started
            host.stdin.close()
            connections = [json.loads(line) for line in host.stdout]
    before = depth([one for one in transcript.asked if one[1] <= min(transcript.connected)])
    answers = sum(connection["answers"] for connection in connections)
    return took, (before + answers) * DELAY, before, connections


@pytest.mark.bench
def test_one_host_takes_hardly_longer_than_its_longest_chain_of_round_trips():
    took, chain, before, connections = measure()
    ports = [connection["port"] for connection in connections]
    counted = {port: ports.count(port) for port in PORTS}
    answers = sum(connection["answers"] for connection in connections)
    print(f"\none host, every answer {DELAY * 1000:.0f} ms away: {took:.2f} s")
    print(
        f"chain {chain:.2f} s: {before} look-ups, then {answers} answers on {len(ports)} connections {counted}"
    )
    print(f"ratio {took / chain:.2f}, at most {BOUND}")
    for one, other in pairwise(connections):
        assert one["ended"] <= other["began"] + DELAY, "two connections at a time"
    assert took / chain <= BOUND


if __name__ == "__main__":
    test_one_host_takes_hardly_longer_than_its_longest_chain_of_round_trips()
