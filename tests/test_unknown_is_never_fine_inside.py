"""Inside too, what could not be seen is unknown, with its reason: no check passes or fails on it."""

import re

import pytest

from auditor.collect import Collector
from auditor.judge import judge_all
from auditor.model import Host, Options, Reason, SshTarget, Status
from auditor.net import CannotLook, ShellResult
from auditor.registry import load
from tests.scripted import ScriptedNetwork

REGISTRY = load()
INSIDE = [c for c in REGISTRY.select() if REGISTRY.looks_inside(c) and REGISTRY.subject_of(c) is Host]
HOST = Host(name="mx1.example.org", addresses=("198.51.100.10",), ssh=SshTarget(host="198.51.100.10"))
PROVEN_BY_ABSENCE = {"firewall-default-deny"}
"""Neither nft nor iptables on the host: nothing can have loaded a rule, and that was seen."""


class Refusing(ScriptedNetwork):
    """Lets nobody in, for one reason."""

    def __init__(self, failure: CannotLook) -> None:
        super().__init__()
        self.failure = failure

    async def shell(self, target):
        raise self.failure


def frames(end: str, body: bytes = b"") -> ScriptedNetwork:
    """Every command of the program ends alike, for instance with "127 1.0 1.0"."""

    def run(program: str) -> ShellResult:
        token = re.search(r"^token=(\w+)$", program, re.MULTILINE)[1]
        out, err = b"", b""
        for name in re.findall(r"^run ([\w-]+) ", program, re.MULTILINE):
            begin = f"\n{token} {name} begin\n".encode()
            out += begin + body + f"\n{token} {name} end {end}\n".encode()
            err += begin + f"\n{token} {name} end\n".encode()
        return ShellResult(exit_code=0, stdout=out, stderr=err)

    return ScriptedNetwork(shell=run)


def cut() -> ScriptedNetwork:
    return ScriptedNetwork(
        shell=lambda _: ShellResult(exit_code=-1, stdout=b"\n", stderr=b"", truncated=True)
    )


WEATHER = {
    "SSH refused": (lambda: Refusing(CannotLook(Reason.REFUSED, "refused")), Reason.REFUSED),
    "SSH times out": (lambda: Refusing(CannotLook(Reason.TIMEOUT, "no answer")), Reason.TIMEOUT),
    "no key accepted": (lambda: Refusing(CannotLook(Reason.SSH_AUTH, "no key")), Reason.SSH_AUTH),
    "wrong host key": (lambda: Refusing(CannotLook(Reason.SSH_HOST_KEY, "changed")), Reason.SSH_HOST_KEY),
    "no root, no sudo": (lambda: frames("privilege 1.0 1.0"), Reason.PRIVILEGE),
    "commands missing": (lambda: frames("127 1.0 1.0"), Reason.COMMAND_MISSING),
    "commands fail": (lambda: frames("1 1.0 1.0"), Reason.COMMAND_FAILED),
    "commands hang": (lambda: frames("124 1.0 6.0"), Reason.TIMEOUT),
    "output cut": (cut, Reason.TRUNCATED),
    "frames make no sense": (lambda: frames("what is this"), Reason.MALFORMED),
    "no timeout(1)": (lambda: frames("unsupported 1.0 1.0"), Reason.UNSUPPORTED),
}


def test_there_are_checks_to_ask():
    assert len(INSIDE) > 25


@pytest.mark.parametrize("weather", WEATHER)
async def test_every_check_that_looks_inside_is_unknown_with_the_reason(weather):
    make, reason = WEATHER[weather]
    collector = Collector(REGISTRY, make(), Options(), (HOST,))
    evidence = await collector.collect(INSIDE)
    wrong = [
        (finding.check, finding.status, finding.reason, finding.summary)
        for finding in judge_all(INSIDE, REGISTRY, evidence)
        if (finding.status, finding.reason) != (Status.UNKNOWN, reason)
        and not (weather == "commands missing" and finding.check in PROVEN_BY_ABSENCE)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "body", [b"", b"\x00\x1b[2J\xff" * 50, b"|" * 5000, b"{" * 5000, b"a=b\n" * 5000, b"1 " * 9999]
)
async def test_no_answer_crashes_a_check(body):
    """Every command "succeeds" with rubbish: verdicts may differ, but each is a verdict."""
    collector = Collector(REGISTRY, frames("0 1.0 1.0", body), Options(), (HOST,))
    evidence = await collector.collect(INSIDE)
    crashed = [f.trace for f in judge_all(INSIDE, REGISTRY, evidence) if f.status is Status.CRASH]
    assert crashed == []


async def test_a_host_without_a_way_in_is_not_asked_and_not_fine():
    host = Host(name="mx1.example.org", addresses=("198.51.100.10",))
    evidence = await Collector(REGISTRY, ScriptedNetwork(), Options(), (host,)).collect(INSIDE)
    assert {(f.status, f.reason) for f in judge_all(INSIDE, REGISTRY, evidence)} == {
        (Status.UNKNOWN, Reason.NOT_ASKED)
    }
