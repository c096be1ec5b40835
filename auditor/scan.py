"""One scan from beginning to end: targets -> subjects -> evidence -> findings.

Two halves, so that saved evidence is judged exactly as fresh evidence is: look() needs a network, conclude() nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from auditor.collect import Collector, Key
from auditor.discover import Target, discover, merge
from auditor.evidence.dns import Existence, HostAddresses
from auditor.evidence.mta import MtaRunning
from auditor.evidence.mta_package import MtaPackage
from auditor.evidence.system import Release
from auditor.judge import Evidence, judge_all
from auditor.model import (
    AcceptedRisk,
    Check,
    Domain,
    Finding,
    Host,
    Options,
    Reason,
    Severity,
    Status,
    Subject,
)
from auditor.net import CannotLook, Network
from auditor.registry import Registry

Name = tuple[type, str]
"""Host or Domain, and the subject's name."""


class UnknownTarget(Exception):
    """The DNS says that a target does not exist: a mistyped name, not a finding."""


class Look(StrEnum):
    """Where the user allowed us to look."""

    EVERYWHERE = "everywhere"
    OUTSIDE = "outside"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for."""

    targets: tuple[Target, ...]
    options: Options
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    minimum: Severity = Severity.INFO
    look: Look = Look.EVERYWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """Where the scan looked from: half of the meaning of every relay test."""

    addresses: tuple[str, ...] = ()
    helo: str = ""
    assume_outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything that was seen, and how: enough to judge again without a network."""

    started: datetime
    finished: datetime
    vantage: Vantage
    look: Look
    checks: tuple[str, ...]
    """Ids of the checks that this evidence was collected for."""
    asked_by_name: bool
    """The user chose checks with --only: then none of them is left out for want of a way in."""
    targets: tuple[tuple[str, tuple[Name, ...]], ...]
    """Each target with the subjects that it brought in; a subject belongs to the first that named it."""
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFindings:
    """One target of the command line or the inventory, its subjects and what is to be said about them."""

    target: str
    subjects: tuple[Subject, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """What only the operator knows, and has not said: no finding, because looking again would not help."""

    check: str
    subject: str
    variable: str
    """Where the inventory answers it."""
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The outcome. Reports are made of this and of nothing else."""

    record: Record
    targets: tuple[TargetFindings, ...]
    not_looked: tuple[tuple[str, int], ...] = ()
    """Subject, and how many checks were not tried on it, because no way in was given."""
    questions: tuple[OpenQuestion, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all targets, in their order."""
        return tuple(finding for target in self.targets for finding in target.findings)

    def addresses(self, host: Host) -> tuple[str, ...]:
        """As the target was given, else as they were looked up."""
        seen = self.record.evidence.get(host, HostAddresses)
        return host.addresses or (seen.every if isinstance(seen, HostAddresses) else ())

    def mta(self, host: Host) -> str | None:
        """Which mail program was seen running inside, with its version where that is known; None where nobody looked."""
        seen = self.record.evidence.get(host, MtaRunning)
        if not isinstance(seen, MtaRunning):
            return None
        package = self.mta_package(host)
        versions = {package.mta: f" {package.upstream}".rstrip()} if package else {}
        names = (f"{daemon.mta.value}{versions.get(daemon.mta, '')}" for daemon in seen.daemons)
        return " and ".join(dict.fromkeys(names)) or "none"

    def mta_package(self, host: Host) -> MtaPackage | None:
        """The package of the mail program that takes the mail; None where that was not seen."""
        seen = self.record.evidence.get(host, MtaPackage)
        return seen if isinstance(seen, MtaPackage) else None

    def release(self, host: Host) -> str | None:
        """The operating system by its own name; None where nobody looked."""
        seen = self.record.evidence.get(host, Release)
        return seen.name if isinstance(seen, Release) else None

    @property
    def seconds(self) -> float:
        """How long the looking took."""
        return (self.record.finished - self.record.started).total_seconds()


def chosen(request: Request, registry: Registry) -> tuple[Check, ...]:
    """The checks of this request. Raises KeyError with a word of --only or --skip that names nothing."""
    checks = registry.select(only=request.only, skip=request.skip, minimum=request.minimum)
    if request.look is Look.OUTSIDE:
        return tuple(check for check in checks if not registry.looks_inside(check))
    if request.look is Look.INSIDE:
        return tuple(check for check in checks if registry.looks_inside(check))
    return checks


async def look(
    request: Request, registry: Registry, network: Network, *, progress: Callable[[Key], None] | None = None
) -> Record:
    """Collect. Raises UnknownTarget before anything but the DNS was asked."""
    checks = chosen(request, registry)
    started = network.now()
    found = await asyncio.gather(*(discover((target,), network) for target in request.targets))
    await asyncio.gather(
        *(
            _must_exist(target, subjects, network)
            for target, subjects in zip(request.targets, found, strict=True)
        )
    )
    subjects = merge(subject for own in found for subject in own)
    if request.look is Look.OUTSIDE:
        subjects = tuple(replace(s, ssh=None) if isinstance(s, Host) else s for s in subjects)
    collector = Collector(registry, network, request.options, subjects, progress=progress)
    wanted = (
        checks if request.only or _way_in(subjects) else [c for c in checks if not registry.looks_inside(c)]
    )
    evidence = await collector.collect(wanted)
    return Record(
        started=started,
        finished=network.now(),
        vantage=Vantage(
            addresses=tuple(sorted(network.local_addresses())),
            helo=request.options.helo,
            assume_outside=request.options.assume_outside,
        ),
        look=request.look,
        checks=tuple(check.id for check in checks),
        asked_by_name=bool(request.only),
        targets=tuple(_claims(request.targets, found)),
        evidence=evidence,
    )


def _way_in(subjects: Iterable[Subject]) -> bool:
    return any(isinstance(subject, Host) and subject.ssh is not None for subject in subjects)


async def _must_exist(target: Target, subjects: tuple[Subject, ...], network: Network) -> None:
    """A host that the inventory gives an address needs no name in the DNS."""
    if target.ssh is not None and not _way_in(subjects):
        raise UnknownTarget(
            f"--ssh {target.ssh.host}: is none of the mail hosts of {target.name}; name the host itself"
        )
    if any(isinstance(subject, Host) and subject.addresses for subject in subjects):
        return
    try:
        answer = await network.resolver.ask(target.name, "MX")
    except CannotLook:
        return  # not proven: the checks will say why
    if answer.existence is Existence.NXDOMAIN:
        raise UnknownTarget(f"{target.name}: no such name in the DNS")


def _claims(
    targets: tuple[Target, ...], found: Iterable[tuple[Subject, ...]]
) -> Iterator[tuple[str, tuple[Name, ...]]]:
    taken: set[Name] = set()
    for target, subjects in zip(targets, found, strict=True):
        names = [(type(s), s.name) for s in subjects if (type(s), s.name) not in taken]
        taken.update(names)
        yield target.name, tuple(names)


def conclude(record: Record, registry: Registry) -> Scan:
    """Judge what was seen. Pure: the same record gives the same scan."""
    checks = tuple(registry.checks[name] for name in record.checks if name in registry.checks)
    subjects = {(type(subject), subject.name): subject for subject in record.evidence.subjects}
    closed = (
        {} if record.asked_by_name else {name: s for name, s in subjects.items() if not _open(s, subjects)}
    )
    inside = {check.id for check in checks if registry.looks_inside(check)}
    left_out: dict[str, int] = dict.fromkeys((name for _, name in closed), 0)
    by_subject: dict[tuple[str, str], list[Finding]] = {}
    questions: list[OpenQuestion] = []
    for finding in judge_all(checks, registry, record.evidence):
        name = (Host if finding.subject_kind == "host" else Domain, finding.subject)
        if name in closed and finding.check in inside:
            left_out[finding.subject] += 1
            continue
        variable = registry.checks[finding.check].asks
        if variable and finding.reason is Reason.NOT_DECLARED and not record.asked_by_name:
            questions.append(
                OpenQuestion(
                    check=finding.check, subject=finding.subject, variable=variable, summary=finding.summary
                )
            )
            continue
        shown = _accept(finding, subjects[name].declared.accepted_risks, record.evidence.moment.taken_at)
        by_subject.setdefault((finding.subject_kind, finding.subject), []).append(shown)
    targets = tuple(
        TargetFindings(
            target=target,
            subjects=tuple(subjects[name] for name in names if name in subjects),
            findings=tuple(
                f for kind, name in names for f in by_subject.get((kind.__name__.lower(), name), ())
            ),
        )
        for target, names in record.targets
    )
    return Scan(
        record=record,
        targets=targets,
        not_looked=tuple((name, count) for name, count in left_out.items() if count),
        questions=tuple(questions),
        remarks=tuple(_expired(record)),
    )


def _open(subject: Subject, subjects: dict[Name, Subject]) -> bool:
    """There is a way into this host, or into one of this domain's hosts."""
    if isinstance(subject, Host):
        return subject.ssh is not None
    hosts = (subjects.get((Host, name)) for name in subject.hosts)
    return any(isinstance(host, Host) and host.ssh is not None for host in hosts)


def _accept(finding: Finding, risks: tuple[AcceptedRisk, ...], at: datetime) -> Finding:
    for risk in risks:
        if risk.check == finding.check and finding.status is Status.FAILED and at.date() <= risk.until:
            return replace(finding, accepted=f"{risk.reason} (until {risk.until})")
    return finding


def _expired(record: Record) -> Iterator[str]:
    today = record.evidence.moment.taken_at.date()
    said: set[AcceptedRisk] = set()
    for subject in record.evidence.subjects:
        for risk in subject.declared.accepted_risks:
            if risk.until < today and risk not in said:
                said.add(risk)
                yield f"accepted risk {risk.check} on {subject.name} ended on {risk.until}: it counts again"


async def scan(
    request: Request, registry: Registry, network: Network, *, progress: Callable[[Key], None] | None = None
) -> Scan:
    """Look and conclude."""
    return conclude(await look(request, registry, network, progress=progress), registry)
