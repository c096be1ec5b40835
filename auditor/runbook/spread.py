"""An incident with several hosts: which steps are done on each of them, and in which order.

What touches a host is done on each; what people decide, write or say is done once. A runbook that goes serially ends
its work on one host before it begins on the next, so that a patch that breaks one mail server breaks no second; one
for all hosts does each step everywhere before the next step.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from auditor.runbook.format import Danger, Kind, Phase, Step

_ON_A_HOST: Final = frozenset({Kind.COMMAND, Kind.ANSIBLE, Kind.PROBE, Kind.EVIDENCE, Kind.UNDO})


def on_each_host(step: Step) -> bool:
    """Whether several hosts need this step several times; the runbook's own word (`each`) counts first."""
    words = step.words
    if words.each is not None:
        return words.each == "host"
    looks = any(one.probe is not None or one.finding is not None or one.shell for one in words.verify)
    return words.kind in _ON_A_HOST or words.danger is not Danger.NONE or looks


def spread(phase: Phase, hosts: Sequence[str], *, serially: bool) -> Phase:
    """The phase with its steps for each host; with one host it stays as it is."""
    if len(hosts) < 2:
        return phase
    return msgspec.structs.replace(phase, steps=tuple(_steps(phase, hosts, serially=serially)))


def _steps(phase: Phase, hosts: Sequence[str], *, serially: bool) -> Iterator[Step]:
    for each, group in groupby(phase.steps, on_each_host):
        steps = list(group)
        if not each:
            yield from steps
        elif serially:
            yield from (_at(step, host) for host in hosts for step in steps)
        else:
            yield from (_at(step, host) for step in steps for host in hosts)


def _at(step: Step, host: str) -> Step:
    return msgspec.structs.replace(step, host=host)
