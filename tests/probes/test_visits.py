"""How often a scan from outside knocks, and how it leaves: counted at scripted servers and at a real socket."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from auditor.collect import Collector
from auditor.model import Host, Options, Unavailable
from auditor.net import CannotLook, Stream, TlsOffer
from auditor.probes._dialogue import Visit
from auditor.probes._role_questions import RoleQuestions
from auditor.probes._transactions import Envelope
from auditor.probes._visiting import Plan, look_in
from auditor.registry import load
from auditor.transport.network import RealNetwork
from tests.bench.bench_one_host import HERE, process
from tests.mail_server import REFUSED, TLS, MailServer
from tests.scanning import DOMAIN, HOST, OPTIONS
from tests.scripted import ScriptedNetwork, ScriptedResolver
from tests.transport.loopback import certificate, serving

V4, V6 = "198.51.100.10", "2001:db8::10"
SMTP = (25, 587, 465)


class Knocks:
    """A network with one mail host at these addresses; keeps who was connected to, and how."""

    def __init__(self, *addresses: str, server: MailServer) -> None:
        self.at: list[tuple[str, int]] = []
        self.server = server
        self.table: dict[tuple[str, str], tuple[str, ...]] = {
            ("mx1.example.org", "A"): tuple(a for a in addresses if "." in a),
            ("mx1.example.org", "AAAA"): tuple(a for a in addresses if ":" in a),
            ("example.org", "MX"): ("10 mx1.example.org.",),
        }

    def dial(self, address: str, port: int) -> Stream:
        if port not in SMTP:
            raise REFUSED
        self.at.append((address, port))
        return self.server.stream(implicit=port == 465)

    async def scan(
        self, options: Options = OPTIONS, host: Host = HOST, only: str = ""
    ) -> Counter[tuple[str, int]]:
        registry = load()
        checks = [c for c in registry.checks.values() if not registry.looks_inside(c) and only in {"", c.id}]
        network = ScriptedNetwork({k: v for k, v in self.table.items() if v}, dial=self.dial)
        await Collector(registry, network, options, (host, DOMAIN)).collect(checks)
        return Counter(self.at)


def modern(offer: TlsOffer) -> object:
    """A server that takes TLS of today only."""
    outdated = offer.maximum is not None
    return CannotLook(REFUSED.reason.TLS_FAILED, "protocol version") if outdated else TLS


def hardened() -> MailServer:
    return MailServer(handshake=modern)


async def test_a_scan_of_a_host_with_one_address_takes_ten_connections():
    """As many as Debian's Sendmail allows in ten minutes: a session, one before the greeting, two outdated offers."""
    counted = await Knocks(V4, server=hardened()).scan()
    assert counted == {(V4, 25): 4, (V4, 587): 3, (V4, 465): 3}


async def test_a_scan_of_a_host_with_two_addresses_takes_seven_of_each():
    """So that a second scan within ten minutes has three left: all that the mission names is asked on those."""
    counted = await Knocks(V4, V6, server=hardened()).scan()
    assert counted == {(a, p): n for a in (V4, V6) for p, n in ((25, 3), (587, 2), (465, 2))}


async def test_thorough_makes_every_offer_at_every_address():
    counted = await Knocks(V4, V6, server=hardened()).scan(replace(OPTIONS, thorough=True))
    assert counted[V6, 25] == counted[V4, 25] >= 4


async def test_what_the_mission_names_is_asked_on_the_first_connection():
    here = Knocks(V4, server=hardened())
    await here.scan(only="relay-closed")
    assert Counter(here.at) == {(V4, 25): 1, (V4, 587): 1, (V4, 465): 1}
    assert not any(line.startswith("VRFY zz") or line == "NOOP" for line in here.server.log)


async def test_only_one_question_asks_no_other():
    here = Knocks(V4, server=hardened())
    assert await here.scan(only="banner-discreet") == {(V4, 25): 1}
    assert not any("abuse" in line or "%" in line for line in here.server.log)


@pytest.mark.parametrize("thorough", [False, True])
async def test_every_connection_is_ended_by_quit_unless_tls_failed(thorough: bool):
    server = MailServer()
    here = Knocks(V4, server=server)
    await here.scan(replace(OPTIONS, thorough=thorough))
    by_handshake = sum(port == 465 for _, port in here.at) - 1  # offers within TLS: nothing was said there
    assert server.log.count("QUIT") == server.connections - by_handshake


async def test_from_the_host_itself_nothing_is_relayed():
    here = Knocks("203.0.113.10", server=hardened())
    await here.scan(host=Host(name="mx1.example.org", domains=("example.org",)))
    assert not any("%" in line or "EHLO example.org" in line for line in here.server.log)


async def test_one_connection_is_open_at_a_time(tmp_path: Path):
    pem, _, _ = certificate(tmp_path, "mx.d0.bench")
    ports = (5425, 5427, 5426)
    options = Options(
        helo="scanner.example.net",
        assume_outside=True,
        ports=tuple(zip(SMTP, ports, strict=True)) + tuple((p, 5499) for p in (143, 110, 993, 995)),
    )
    registry = load()
    checks = [c for c in registry.checks.values() if not registry.looks_inside(c)]
    host = Host(name="mx.d0.bench", addresses=("127.0.0.1",), domains=("d0.bench",))
    words = ("127.0.0.1", *map(str, ports), "0.002", str(pem))
    with process(str(HERE / "distant.py"), *words) as server:
        network = RealNetwork(ScriptedResolver({}))
        await Collector(registry, network, options, (host,)).collect(
            [c for c in checks if registry.subject_of(c) is Host]
        )
        server.stdin.close()
        connections = [json.loads(line) for line in server.stdout]
    assert len(connections) >= 8
    for one, other in pairwise(connections):
        assert one["ended"] <= other["began"] + 0.05, (one, other)
    broken_off = [c for c in connections if not c["quit"]]
    assert all(c["commands"][-1] == "STARTTLS" for c in broken_off)


def answering(**said: bytes):
    """Says this to these verbs for ever, 250 to all others."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            verb = line[:4].decode("latin1")
            if verb not in said:
                writer.write(b"250 ok\r\n")
                continue
            while True:
                writer.write(said[verb])
                await writer.drain()
                await asyncio.sleep(0 if said[verb] else 60)

    return handler


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "RSET"])
@pytest.mark.parametrize(
    "said",
    [b"", b"250-more\r\n", b"A" * 65_536, b"\x00\x1b[2J\r\n"],
    ids=["silence", "lines", "line", "escapes"],
)
async def test_a_server_that_turns_hostile_in_the_dialogue_is_left_soon(verb: str, said: bytes):
    async with serving(answering(**{verb: said})) as port:
        options = Options(timeout=0.2, helo="c.example.net", assume_outside=True, ports=((25, port),))
        visit = Visit(RealNetwork(ScriptedResolver({}), timeout=0.2), options, "127.0.0.1", 25, "mx.lab.test")
        plan = Plan(
            envelope=Envelope(sender="<a@example.net>", recipient="<b@example.org>", helo="c.example.net"),
            questions=("VRFY b", "EXPN b"),
            inject=True,
            relay=HOST,
            roles=RoleQuestions(HOST, options),
        )
        started = time.monotonic()
        visited = await look_in(visit, plan)
        assert time.monotonic() - started < 5
    assert all(
        isinstance(attempt.transaction.decisive, Unavailable)
        for p in visited.phases
        for attempt in p.attempts
    )
