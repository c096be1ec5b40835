"""Checks x evidence -> findings. Pure: the same evidence gives the same findings, with or without a network."""

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, assert_never

from auditor.model import (
    ByHand,
    Check,
    Domain,
    Failed,
    Finding,
    Host,
    Inconclusive,
    Moment,
    NotApplicable,
    Options,
    Passed,
    PerHost,
    Reason,
    Status,
    Subject,
    Unavailable,
    Verdict,
)
from auditor.registry import Need, Registry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was seen in one scan, looked up by subject and type."""

    subjects: tuple[Subject, ...]
    options: Options
    moment: Moment
    pieces: Mapping[tuple[type, str, type], object] = field(default_factory=dict)
    """(Host or Domain, name of the subject, type of the evidence) -> the evidence or Unavailable."""
    _hosts: dict[str, Host] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Thousands of domains ask for their hosts by name, for each check."""
        hosts = {subject.name: subject for subject in self.subjects if isinstance(subject, Host)}
        object.__setattr__(self, "_hosts", hosts)

    def get(self, subject: Subject, kind: type[T]) -> T | Unavailable:
        """The piece, or why there is none."""
        piece = self.pieces.get((type(subject), subject.name, kind))
        if piece is None:
            return Unavailable(Reason.NOT_ASKED, f"{kind.__name__} was not collected")
        return piece  # type: ignore[return-value]  # keyed by its own type

    def host(self, name: str) -> Host | None:
        """The host of this scan with that name."""
        return self._hosts.get(name)


def _argument(need: Need, subject: Subject, evidence: Evidence) -> Any:
    if need.kind in (Host, Domain):
        return subject
    if need.kind is Options:
        return evidence.options
    if need.kind is Moment:
        return evidence.moment
    if need.per_host:
        names = subject.hosts if isinstance(subject, Domain) else ()
        hosts = ((name, evidence.host(name)) for name in names)
        return PerHost(
            tuple((name, evidence.get(host, need.kind)) for name, host in hosts if host is not None)
        )
    return evidence.get(subject, need.kind)


def judge(check: Check, subject: Subject, registry: Registry, evidence: Evidence) -> Finding:
    """One check on one subject."""
    return _judge(check, registry.needs(check), subject, evidence)


def _judge(check: Check, needs: Iterable[Need], subject: Subject, evidence: Evidence) -> Finding:
    arguments = []
    for need in needs:
        argument = _argument(need, subject, evidence)
        if isinstance(argument, Unavailable) and not need.optional:
            return _finding(check, subject, Inconclusive(argument.detail, argument.reason))
        arguments.append(argument)
    try:
        verdict = check.judge(*arguments)
    except Exception:  # noqa: BLE001 - the one place: a bug in one check must not hide the other findings
        return _crashed(check, subject, traceback.format_exc())
    return _finding(check, subject, verdict)


def judge_all(checks: Iterable[Check], registry: Registry, evidence: Evidence) -> tuple[Finding, ...]:
    """Every check on every subject of its kind, in the order of the checks."""
    return tuple(
        _judge(check, needs, subject, evidence)
        for check, needs, kind in [(c, registry.needs(c), registry.subject_of(c)) for c in checks]
        for subject in evidence.subjects
        if isinstance(subject, kind)
    )


def _finding(check: Check, subject: Subject, verdict: Verdict) -> Finding:
    status, reason, severity, remedy = Status.PASSED, None, check.severity, check.remedy
    observed: tuple[Any, ...] = ()
    match verdict:
        case Passed():
            observed = verdict.observed
        case Failed():
            status, observed = Status.FAILED, verdict.observed
            severity = verdict.severity or severity
            remedy = ByHand(verdict.by_hand) if verdict.by_hand else remedy
        case NotApplicable():
            status = Status.NOT_APPLICABLE
        case Inconclusive():
            status, reason, observed = Status.UNKNOWN, verdict.reason, verdict.observed
        case _:
            assert_never(verdict)
    return Finding(
        check=check.id,
        title=check.title,
        family=check.family,
        subject_kind=type(subject).__name__.lower(),
        subject=subject.name,
        status=status,
        severity=severity,
        summary=verdict.summary,
        observed=observed,
        reason=reason,
        remedy=remedy,
        runbook=check.runbook,
        references=check.references,
    )


def _crashed(check: Check, subject: Subject, trace: str) -> Finding:
    return Finding(
        check=check.id,
        title=check.title,
        family=check.family,
        subject_kind=type(subject).__name__.lower(),
        subject=subject.name,
        status=Status.CRASH,
        severity=check.severity,
        summary="this check crashed: a bug of auditor, not of the host",
        remedy=check.remedy,
        runbook=check.runbook,
        references=check.references,
        trace=trace,
    )
