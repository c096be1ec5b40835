"""Which evidence is needed, and getting each piece once: independent pieces overlap, failures become values."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any

from auditor.inside.command import Command, Output
from auditor.inside.program import build, parse
from auditor.judge import Evidence
from auditor.model import (
    Check,
    Domain,
    Host,
    Moment,
    Options,
    PerHost,
    Reason,
    Subject,
    Unavailable,
    Wanted,
)
from auditor.net import CannotLook, Network, Shell
from auditor.registry import GIVEN, Need, Registry, Source

Key = tuple[type, str, type]
SUBJECTS_AT_ONCE = 256
"""Hosts and domains under way. Each holds about 0.4 MB of half-finished coroutines (measured over 150 domains)."""


class Collector:
    """Collects for one scan. Lazy: a piece is looked for when something asks, then shared by all who ask."""

    def __init__(
        self,
        registry: Registry,
        network: Network,
        options: Options,
        subjects: Iterable[Subject],
        *,
        progress: Callable[[Key], None] | None = None,
    ) -> None:
        self._registry = registry
        self._network = network
        self._options = options
        self._subjects = {(type(subject), subject.name): subject for subject in subjects}
        self._moment = Moment(network.now())
        self._pieces: dict[Key, asyncio.Task[object]] = {}
        self._outputs: dict[tuple[str, bool], asyncio.Task[Mapping[str, Output]]] = {}
        self._shells: dict[str, asyncio.Task[Shell]] = {}
        self._wanted: dict[type, list[Source]] = {Host: [], Domain: []}
        self._progress = progress or (lambda _key: None)

    async def collect(self, checks: Iterable[Check]) -> Evidence:
        """Everything that these checks need, of every subject."""
        wanted: dict[type, dict[Need, None]] = {Host: {}, Domain: {}}
        for check in checks:
            wanted[self._registry.subject_of(check)].update(dict.fromkeys(self._registry.needs(check)))
        self._wanted = self._closure(need for needs in wanted.values() for need in needs)
        places = asyncio.Semaphore(SUBJECTS_AT_ONCE)

        async def look_at(subject: Subject) -> None:
            async with places:
                await self._arguments(wanted[type(subject)], subject)

        try:
            await asyncio.gather(*map(look_at, self._subjects.values()))
        finally:
            await self._hang_up()
        pieces = {
            key: task.result()
            for key, task in self._pieces.items()
            if not getattr(key[2], "transient", False)
        }
        return Evidence(tuple(self._subjects.values()), self._options, self._moment, pieces)

    def _closure(self, needs: Iterable[Need]) -> dict[type, list[Source]]:
        """Every source that may be asked, optional ones too, by kind of subject."""
        found: dict[type, Source] = {}
        todo = list(needs)
        while todo:
            source = self._registry.sources.get(todo.pop().kind)
            if source is not None and source.gives not in found:
                found[source.gives] = source
                todo.extend(source.needs)
        return {kind: [s for s in found.values() if s.subject is kind] for kind in (Host, Domain)}

    def _piece(self, kind: type, subject: Subject) -> "asyncio.Task[object]":
        key = (type(subject), subject.name, kind)
        if key not in self._pieces:
            self._pieces[key] = asyncio.ensure_future(self._look(self._registry.sources[kind], subject, key))
        return self._pieces[key]

    async def _look(self, source: Source, subject: Subject, key: Key) -> object:
        try:
            arguments = await self._arguments(source.needs, subject)
            for need, argument in zip(source.needs, arguments, strict=True):
                if isinstance(argument, Unavailable) and not need.optional:
                    return argument
            if not source.commands:
                given = source.give(*arguments)
                return await given if isawaitable(given) else given
            outputs = await self._host_outputs(subject, late=source.late)
            return source.give(*(outputs[command.id] for command in source.commands), *arguments)
        except CannotLook as reason:
            return reason.as_unavailable()
        finally:
            self._progress(key)

    async def _arguments(self, needs: Iterable[Need], subject: Subject) -> list[Any]:
        """Start all, then wait for each: they overlap without a task of their own per argument."""
        started = [self._start(need, subject) for need in needs]
        return [await one if isinstance(one, asyncio.Future) else one for one in started]

    def _start(self, need: Need, subject: Subject) -> Any:
        """What is there already, or a future."""
        if need.kind in GIVEN:
            return self._given(need.kind, subject)
        if not need.per_host:
            return self._piece(need.kind, subject)
        names = subject.hosts if isinstance(subject, Domain) else ()
        hosts = [self._subjects[Host, name] for name in names if (Host, name) in self._subjects]
        return asyncio.ensure_future(
            self._of_hosts([(host.name, self._piece(need.kind, host)) for host in hosts])
        )

    async def _of_hosts(self, pieces: "list[tuple[str, asyncio.Task[object]]]") -> PerHost[object]:
        return PerHost(tuple([(name, await piece) for name, piece in pieces]))

    def _given(self, kind: type, subject: Subject) -> object:
        if kind is Wanted:
            return Wanted(frozenset(source.gives for sources in self._wanted.values() for source in sources))
        given = {Options: self._options, Moment: self._moment, Network: self._network}
        return given.get(kind, subject)

    async def _host_outputs(self, host: Subject, *, late: bool) -> Mapping[str, Output]:
        """Outputs of every command wanted on this host, fetched in one round trip (a second one for late ones)."""
        if not isinstance(host, Host) or host.ssh is None:
            raise CannotLook(Reason.NOT_ASKED, "no way in was given: --ssh or an inventory")
        key = (host.name, late)
        if key not in self._outputs:
            self._outputs[key] = asyncio.ensure_future(self._run_inside(host, late=late))
        return await self._outputs[key]

    async def _run_inside(self, host: Host, *, late: bool) -> Mapping[str, Output]:
        if late:
            outside = (s for s in self._wanted[Host] if not self._depends_on_late(s))
            await asyncio.gather(*(self._piece(source.gives, host) for source in outside))
        commands = {c.id: c for s in self._wanted[Host] if s.late is late for c in s.commands}
        if host.name not in self._shells:
            assert host.ssh is not None
            self._shells[host.name] = asyncio.ensure_future(self._network.shell(host.ssh))
        shell = await self._shells[host.name]
        return await self._run(shell, tuple(commands.values()))

    async def _run(self, shell: Shell, commands: tuple[Command, ...]) -> Mapping[str, Output]:
        lanes = (tuple(c for c in commands if c.beside is beside) for beside in (False, True))
        found = await asyncio.gather(*(self._run_lane(shell, lane) for lane in lanes if lane))
        return {name: output for outputs in found for name, output in outputs.items()}

    async def _run_lane(self, shell: Shell, commands: tuple[Command, ...]) -> Mapping[str, Output]:
        program = build(commands, label=self._options.label)
        result = await shell.run(
            program.text, timeout=program.timeout, limit=sum(command.limit for command in commands) * 2
        )
        return parse(program, result)

    def _depends_on_late(self, source: Source) -> bool:
        return source.late or any(
            self._depends_on_late(self._registry.sources[need.kind])
            for need in source.needs
            if need.kind in self._registry.sources
        )

    async def _hang_up(self) -> None:
        for task in self._shells.values():
            if task.done() and not task.cancelled() and task.exception() is None:
                await task.result().close()
            else:
                task.cancel()
