"""Find checks, probes and inside readers by walking the rooms. There is no list to keep."""

import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import auditor.checks
import auditor.inside
import auditor.probes
from auditor.inside.command import Command, Output
from auditor.model import Check, Domain, Host, Moment, Options, PerHost, Severity, Unavailable, Wanted
from auditor.net import Network

GIVEN: frozenset[type] = frozenset({Host, Domain, Options, Moment, Wanted, Network})
"""Supplied by the runner itself; everything else is evidence that some source gives."""


class WiringError(Exception):
    """A check or a source is not wired so that it can run: our own bug, found at start-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One parameter: which evidence, and whether its absence is acceptable to the author."""

    kind: type
    optional: bool = False
    """Annotated `T | Unavailable`: the author deals with absence."""
    per_host: bool = False
    """Annotated PerHost[T]: once for each host of the domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A probe or a reader: gives one kind of evidence for one kind of subject."""

    give: Callable[..., Any]
    gives: type
    subject: type
    needs: tuple[Need, ...]
    commands: tuple[Command, ...] = ()

    @property
    def late(self) -> bool:
        """Has to wait for the outside probes of its host."""
        return any(command.late for command in self.commands)


@cache
def read_need(annotation: Any) -> Need:
    """Understand one annotation of a judge, probe or reader."""
    optional = False
    if get_origin(annotation) in (Union, UnionType):
        rest = [part for part in get_args(annotation) if part is not Unavailable]
        if len(rest) != 1 or len(get_args(annotation)) != 2:
            raise WiringError(f"{annotation} is neither evidence nor evidence | Unavailable")
        optional, annotation = True, rest[0]
    if get_origin(annotation) is PerHost:
        return Need(kind=get_args(annotation)[0], optional=optional, per_host=True)
    if not isinstance(annotation, type):
        raise WiringError(f"{annotation!r} is not a type")
    return Need(kind=annotation, optional=optional)


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that can be asked and how to find out."""

    checks: Mapping[str, Check]
    sources: Mapping[type, Source]

    def needs(self, check: Check) -> tuple[Need, ...]:
        """What a check's judge is called with, in order."""
        return tuple(read_need(annotation) for _, annotation in check.needs)

    def subject_of(self, check: Check) -> type:
        """Host or Domain: whichever its evidence is about."""
        kinds: set[type] = set()
        for need in self.needs(check):
            if need.per_host or need.kind is Domain:
                kinds.add(Domain)
            elif need.kind is Host:
                kinds.add(Host)
            elif need.kind not in GIVEN:
                kinds.add(self.sources[need.kind].subject)
        if len(kinds) != 1:
            raise WiringError(f"{check.id}: evidence about {sorted(k.__name__ for k in kinds)} in one check")
        return kinds.pop()

    def required(self, needs: Iterable[Need]) -> Iterator[Source]:
        """Sources without which these needs cannot be met, transitively; optional evidence left out."""
        for need in needs:
            if not need.optional and need.kind not in GIVEN:
                source = self.sources[need.kind]
                yield source
                yield from self.required(source.needs)

    def looks_inside(self, check: Check) -> bool:
        """Cannot be answered without logging in."""
        return any(source.commands for source in self.required(self.needs(check)))

    def select(
        self,
        *,
        only: Iterable[str] = (),
        skip: Iterable[str] = (),
        minimum: Severity = Severity.INFO,
    ) -> tuple[Check, ...]:
        """Checks by id or family, worst first. Raises KeyError with the word that names neither."""
        known = set(self.checks) | {check.family.value for check in self.checks.values()}
        wanted, unwanted = set(only), set(skip)
        for word in sorted(wanted | unwanted):
            if word not in known:
                raise KeyError(word)

        def chosen(check: Check) -> bool:
            words = {check.id, check.family.value}
            return (
                (not wanted or bool(words & wanted))
                and not words & unwanted
                and check.severity.rank <= minimum.rank
            )

        return tuple(
            sorted(filter(chosen, self.checks.values()), key=lambda c: (c.severity.rank, c.family, c.id))
        )


def check_ids() -> frozenset[str]:
    """Ids of all checks, by the names of their files: nothing is imported."""
    names = (found.name for found in pkgutil.iter_modules(auditor.checks.__path__))
    return frozenset(name.replace("_", "-") for name in names if not name.startswith("_"))


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__):
        if not found.name.startswith("_"):
            yield import_module(f"{package.__name__}.{found.name}")


def _read_source(function: Callable[..., Any]) -> Source:
    hints = get_type_hints(function)
    gives = hints.pop("return")
    commands: tuple[Command, ...] = getattr(function, "commands", ())
    needs = tuple(read_need(hint) for hint in hints.values() if hint is not Output)
    kinds = {need.kind for need in needs}
    subject = Domain if Domain in kinds else Host
    if not hasattr(function, "commands") and not kinds & {Host, Domain}:
        raise WiringError(f"{function.__qualname__}: a probe takes the Host or the Domain that it asks about")
    if sum(hint is Output for hint in hints.values()) != len(commands):
        raise WiringError(f"{function.__qualname__}: one Output parameter per command")
    return Source(give=function, gives=gives, subject=subject, needs=needs, commands=commands)


def _sources() -> Iterator[Source]:
    for package in (auditor.probes, auditor.inside):
        for module in _modules(package):
            for name, function in vars(module).items():
                if name.startswith("_") or getattr(function, "__module__", None) != module.__name__:
                    continue
                if not inspect.isfunction(function):
                    continue
                if hasattr(function, "commands") or (
                    package is auditor.probes and inspect.iscoroutinefunction(function)
                ):
                    yield _read_source(function)


def _reject_cycles(sources: Mapping[type, Source]) -> None:
    graph = {kind: {n.kind for n in source.needs if n.kind not in GIVEN} for kind, source in sources.items()}
    for kind, wanted in graph.items():
        for missing in wanted - graph.keys():
            raise WiringError(f"{kind.__name__} needs {missing.__name__}, which nothing gives")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise WiringError(f"evidence in a circle: {[kind.__name__ for kind in error.args[1]]}") from error


@cache
def load() -> Registry:
    """Import the rooms and check the wiring. Raises WiringError."""
    sources: dict[type, Source] = {}
    for source in _sources():
        if source.gives in sources:
            raise WiringError(f"two sources give {source.gives.__name__}")
        sources[source.gives] = source
    _reject_cycles(sources)
    checks = {module.CHECK.id: module.CHECK for module in _modules(auditor.checks)}
    registry = Registry(checks=checks, sources=sources)
    for check in checks.values():
        for need in registry.needs(check):
            if need.kind not in GIVEN and need.kind not in sources:
                raise WiringError(f"{check.id} needs {need.kind.__name__}, which nothing gives")
        registry.subject_of(check)
    return registry
