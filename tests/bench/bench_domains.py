"""A thousand domains, every answer 20 ms away: time and memory of one process, beside checkdmarc's command line.

python -m tests.bench.bench_domains [DOMAINS]
python -m pytest -m bench tests/bench/bench_domains.py -s
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.discover import Target
from auditor.model import Options, Status
from auditor.registry import load
from auditor.scan import Look, Request, conclude, look
from auditor.transport.dns import CachingResolver
from auditor.transport.loop import runner
from auditor.transport.network import RealNetwork

HERE = Path(__file__).parent
PORT, DELAY = 5300, 0.020
SAMPLE = 10
"""Domains that checkdmarc is timed on; it does one after the other, so the rest is a multiplication."""
SECONDS, MEGABYTES = 20.0, 300.0


class Loopback(RealNetwork):
    """Addresses of the benchmark's world begin with 1.; here they are loopback, and nothing else can be reached."""

    async def connect(self, address, port, **options):
        return await super().connect(f"127.{address.partition('.')[2]}", port, **options)


@contextmanager
def far_away(domains: int):
    command = [sys.executable, str(HERE / "far_away.py"), str(PORT), str(DELAY), str(domains)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        while server.stdout.readline().strip() != "ready":
            assert server.poll() is None, "the servers did not start"
        try:
            yield
        finally:
            server.stdin.close()


async def scan(domains: int):
    resolver = CachingResolver([("127.0.0.1", PORT)])
    network = Loopback(resolver)
    request = Request(
        targets=tuple(Target(f"d{number}.bench") for number in range(domains)),
        options=Options(
            helo="scanner.bench",
            assume_outside=True,
            ports=tuple(
                (port, PORT + 1 if port == 25 else PORT + 2)
                for port in (25, 465, 587, 143, 110, 993, 995, 443)
            ),
        ),
        look=Look.OUTSIDE,
    )
    try:
        record = await look(request, load(), network)
    finally:
        await resolver.close()
    return record, resolver.questions


def measure(domains: int) -> dict:
    """In a process of its own: the high-water mark of memory is the scan's."""
    load()
    started = time.perf_counter()
    with runner() as loop:
        record, questions = loop.run(scan(domains))
        collected = time.perf_counter() - started
        findings = conclude(record, load()).findings
    return {
        "seconds": time.perf_counter() - started,
        "judging": time.perf_counter() - started - collected,
        "cpu": time.process_time(),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "questions": questions,
        "findings": len(findings),
        "statuses": Counter(finding.status.value for finding in findings),
        "crashes": [f.trace for f in findings if f.status is Status.CRASH][:1],
        "unknown": Counter(
            f"{f.check} {f.reason}" for f in findings if f.status is Status.UNKNOWN
        ).most_common(12),
    }


def checkdmarc_seconds() -> float | None:
    """Its command line on a sample, start-up included; None where it cannot be asked (port 53 needs root)."""
    program = shutil.which("checkdmarc", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None or os.geteuid() != 0:
        return None
    names = [f"d{number}.bench" for number in range(SAMPLE)]
    started = time.perf_counter()
    subprocess.run([program, *names, "-n", "127.0.0.53"], check=True, stdout=subprocess.DEVNULL, timeout=300)
    return time.perf_counter() - started


@pytest.mark.bench
def test_a_thousand_domains_in_time_and_memory():
    compare(1000)


def compare(domains):
    with far_away(domains):
        output = subprocess.run(
            [sys.executable, "-m", "tests.bench.bench_domains", "--measure", str(domains)],
            check=True,
            capture_output=True,
            text=True,
            cwd=HERE.parents[1],
            timeout=600,
        ).stdout
        other = checkdmarc_seconds()
    ours = json.loads(output)
    busy = os.getloadavg()[0]
    print(
        f"\n{domains} domains, every answer {DELAY * 1000:.0f} ms away; {os.cpu_count()} cores, load {busy:.1f}"
    )
    print(
        f"auditor    {ours['seconds']:7.1f} s   {ours['megabytes']:.0f} MB   CPU {ours['cpu']:.1f} s (judging {ours['judging']:.1f} s)   {ours['questions']} DNS questions, {ours['findings']} findings {ours['statuses']}"
    )
    print(f"           unknown: {ours['unknown']}")
    if other is None:
        print("checkdmarc was not measured: its command line asks port 53 only, which needs root")
    else:
        whole = other / SAMPLE * domains
        print(f"checkdmarc {whole:7.1f} s   extrapolated from {SAMPLE} domains in {other:.1f} s; DNS only")
        print(f"ratio      {whole / ours['seconds']:7.1f} times faster, with SMTP")
    assert not ours["crashes"], ours["crashes"][0]
    if domains >= 1000:
        assert ours["seconds"] <= SECONDS
        assert ours["megabytes"] <= MEGABYTES


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        compare(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
