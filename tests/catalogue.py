"""A registry of three questions whose evidence is one DNS answer or one command: for tests of the machinery."""

from dataclasses import dataclass

from auditor.inside.command import Command, Output, reads
from auditor.model import (
    ByHand,
    Check,
    Domain,
    Failed,
    Family,
    Host,
    Inconclusive,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
)
from auditor.net import Network
from auditor.registry import Registry, Source, read_need


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Evidence from the DNS."""

    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """Evidence from port 25."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptime:
    """Evidence from inside."""

    seconds: float


async def policy(domain: Domain, network: Network) -> Policy:
    answer = await network.resolver.ask(domain.name, "TXT")
    return Policy(record=" ".join(answer.records))


async def greeting(host: Host, network: Network) -> Greeting:
    address = host.addresses[0] if host.addresses else "198.51.100.10"
    stream = await network.connect(address, 25)
    try:
        return Greeting(text=(await stream.receive(512)).decode(errors="backslashreplace"))
    finally:
        await stream.close()


UPTIME = Command(id="uptime", argv=("cat", "/proc/uptime"))


@reads(UPTIME)
def uptime(output: Output) -> Uptime:
    return Uptime(seconds=float(output.text().split()[0]))


def policy_present(policy: Policy) -> Verdict:
    if not policy.record:
        return Failed("there is no policy record", ({"record": None},))
    return Passed("a policy record is published")


def greeting_polite(greeting: Greeting) -> Verdict:
    if not greeting.text.startswith("220"):
        return Inconclusive("no greeting", Reason.PROTOCOL)
    if "220 go away" in greeting.text:
        return Failed(f"the greeting says {greeting.text}", tuple({"line": n} for n in range(9)))
    return Passed("greets")


def host_rested(uptime: Uptime) -> Verdict:
    return Passed("up") if uptime.seconds > 60 else Failed("just booted", severity=Severity.CRITICAL)


def _check(name, judge, **changes) -> Check:
    hints = {key: value for key, value in judge.__annotations__.items() if key != "return"}
    described = {
        "id": name,
        "title": "The words of the pass",
        "page": "It matters for a reason. And there is more to say.\n\nMuch more.",
        "family": Family.SMTP,
        "severity": Severity.HIGH,
        "judge": judge,
        "needs": tuple(hints.items()),
        "remedy": Playbook("smtp-hygiene"),
        "runbook": "open-relay",
        "references": ("RFC 5321 3.1",),
    }
    return Check(**{**described, **changes})


def registry() -> Registry:
    checks = (
        _check("policy-present", policy_present, family=Family.SPF, remedy=ByHand("Publish it.")),
        _check("greeting-polite", greeting_polite),
        _check("host-rested", host_rested, family=Family.HOST, severity=Severity.MEDIUM),
    )
    sources = (
        Source(give=policy, gives=Policy, subject=Domain, needs=(read_need(Domain), read_need(Network))),
        Source(give=greeting, gives=Greeting, subject=Host, needs=(read_need(Host), read_need(Network))),
        Source(give=uptime, gives=Uptime, subject=Host, needs=(), commands=(UPTIME,)),
    )
    return Registry(
        checks={check.id: check for check in checks}, sources={source.gives: source for source in sources}
    )
