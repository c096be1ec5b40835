import asyncio
from dataclasses import dataclass

import pytest

from auditor.collect import Collector
from auditor.inside.command import Command, Output, reads
from auditor.model import Domain, Host, Options, Passed, PerHost, Reason, SshTarget, Unavailable, Verdict
from auditor.net import CannotLook, Network, ShellResult
from auditor.registry import Registry, _read_source
from tests.catalogue import _check
from tests.scripted import ScriptedNetwork, ScriptedShell

WAY = SshTarget(host="198.51.100.10")
HOST = Host(name="mx1.example.org", ssh=WAY)
BARE = Host(name="mx2.example.org")
DOMAIN = Domain(name="example.org", hosts=("mx1.example.org", "mx2.example.org", "gone.example.org"))


@dataclass(frozen=True)
class First:
    text: str


@dataclass(frozen=True)
class Second:
    text: str


@dataclass(frozen=True)
class Third:
    text: str


def registry(*sources, needs=(Second,)):
    def judge(*_) -> Verdict:
        return Passed("x")

    found = [_read_source(source) for source in sources]
    check = _check("only", judge, needs=tuple((f"p{n}", need) for n, need in enumerate(needs)))
    return Registry(checks={"only": check}, sources={source.gives: source for source in found})


async def collect(known, *subjects, network=None, **more):
    collector = Collector(known, network or ScriptedNetwork(), Options(), subjects or (HOST,), **more)
    return await collector.collect(known.select())


async def test_what_two_ask_for_is_looked_for_once():
    asked = []

    async def first(host: Host) -> First:
        asked.append(host.name)
        await asyncio.sleep(0)
        return First("seen")

    async def second(host: Host, first: First) -> Second:
        return Second(first.text)

    async def third(host: Host, first: First, second: Second) -> Third:
        return Third(first.text + second.text)

    evidence = await collect(registry(first, second, third, needs=(First, Second, Third)))
    assert asked == [HOST.name]
    assert evidence.get(HOST, Third) == Third("seenseen")


async def test_what_nobody_asks_for_is_not_looked_for():
    async def first(host: Host) -> First:
        raise AssertionError

    async def second(host: Host) -> Second:
        return Second("seen")

    evidence = await collect(registry(first, second))
    assert evidence.get(HOST, First) == Unavailable(Reason.NOT_ASKED, "First was not collected")


async def test_independent_pieces_overlap():
    met = asyncio.Barrier(2)

    async def first(host: Host) -> First:
        await met.wait()
        return First("a")

    async def second(host: Host) -> Second:
        await met.wait()
        return Second("b")

    evidence = await asyncio.wait_for(collect(registry(first, second, needs=(First, Second))), timeout=5)
    assert evidence.get(HOST, First) == First("a")


@pytest.mark.parametrize("reason", list(Reason))
async def test_a_failure_of_the_edge_travels_as_a_value_to_all_who_need_it(reason):
    async def first(host: Host) -> First:
        raise CannotLook(reason, "because")

    async def second(host: Host, first: First) -> Second:
        raise AssertionError

    async def third(host: Host, first: First | Unavailable) -> Third:
        return Third(type(first).__name__)

    evidence = await collect(registry(first, second, third, needs=(Second, Third)))
    assert evidence.get(HOST, Second) == Unavailable(reason, "because")
    assert evidence.get(HOST, Third) == Third("Unavailable")


async def test_a_bug_in_a_probe_is_not_swallowed():
    async def second(host: Host) -> Second:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await collect(registry(second))


async def test_a_domain_probe_sees_the_evidence_of_each_of_its_hosts_in_this_scan():
    got = []

    async def first(host: Host) -> First:
        if host is BARE:
            raise CannotLook(Reason.REFUSED, "closed")
        return First(host.name)

    async def second(domain: Domain, each: PerHost[First]) -> Second:
        got.extend(each.found)
        return Second(domain.name)

    await collect(registry(first, second), DOMAIN, HOST, BARE)
    assert got == [
        ("mx1.example.org", First("mx1.example.org")),
        ("mx2.example.org", Unavailable(Reason.REFUSED, "closed")),
    ]


async def test_progress_hears_of_every_piece():
    heard = []

    async def second(host: Host) -> Second:
        raise CannotLook(Reason.TIMEOUT, "slow")

    await collect(registry(second), HOST, BARE, progress=heard.append)
    assert sorted(name for _, name, _ in heard) == ["mx1.example.org", "mx2.example.org"]


ECHO = Command(id="echo", argv=("echo", "hello"))
DATE = Command(id="date", argv=("date",))
LOG = Command(id="log", argv=("grep", "{label}", "/var/log/mail.log"), late=True)


@reads(ECHO)
def read_echo(output: Output) -> First:
    return First(output.text())


@reads(DATE)
def read_date(output: Output) -> Second:
    return Second(output.text())


@reads(LOG)
def read_log(output: Output) -> Third:
    return Third(output.text())


class Programs:
    """A far side that frames an answer for each command, and keeps the programs that it was sent."""

    def __init__(self):
        self.sent = []

    def __call__(self, program):
        self.sent.append(program)
        token = program.split("\n", 1)[0].removeprefix("token=")
        out = err = ""
        for name in ("echo", "date", "log"):
            if f"\nrun {name} " in program:
                out += f"\n{token} {name} begin\nsaid {name}\n{token} {name} end 0 1.0 1.5\n"
                err += f"\n{token} {name} begin\n\n{token} {name} end\n"
        return ShellResult(exit_code=0, stdout=out.encode(), stderr=err.encode())


async def test_all_commands_of_a_host_go_over_in_one_round_trip():
    far = Programs()
    network = ScriptedNetwork(shell=far)
    evidence = await collect(registry(read_echo, read_date, needs=(First, Second)), network=network)
    assert len(far.sent) == 1
    assert evidence.get(HOST, First) == First("said echo")
    assert evidence.get(HOST, Second) == Second("said date")


async def test_late_commands_wait_for_the_outside_of_their_host():
    far, order = Programs(), []

    async def first(host: Host, network: Network) -> First:
        await asyncio.sleep(0.01)
        order.append(len(far.sent))
        return First("outside")

    evidence = await collect(
        registry(first, read_date, read_log, needs=(First, Second, Third)), network=ScriptedNetwork(shell=far)
    )
    assert evidence.get(HOST, Third) == Third("said log")
    assert order == [1]  # the early commands did not wait, the late ones did
    assert Options().label in far.sent[1]


async def test_a_host_without_a_way_in_is_not_asked():
    evidence = await collect(registry(read_date), BARE)
    piece = evidence.get(BARE, Second)
    assert isinstance(piece, Unavailable)
    assert piece.reason is Reason.NOT_ASKED


async def test_a_refused_log_in_is_the_reason_of_everything_inside():
    evidence = await collect(registry(read_echo, read_date, needs=(First, Second)))
    for kind in (First, Second):
        piece = evidence.get(HOST, kind)
        assert isinstance(piece, Unavailable)
        assert piece.reason is Reason.SSH_AUTH


async def test_the_connection_is_closed_also_when_a_probe_has_a_bug():
    closed = []

    class Closing(ScriptedShell):
        async def close(self):
            closed.append(True)

    class Networked(ScriptedNetwork):
        async def shell(self, target):
            return Closing(Programs())

    async def first(host: Host, date: Second) -> First:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await collect(registry(first, read_date, needs=(First, Second)), network=Networked())
    assert closed == [True]
