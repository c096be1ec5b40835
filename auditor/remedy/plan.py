"""Open findings -> the playbooks that close them, in a safe order, per host, with what is still missing. Pure."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auditor.model import Severity, Status
from auditor.remedy.needs import EVERY_TAG, Needs, Variables
from auditor.remedy.scanned import Result, Scanned


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A host of the inventory, as Ansible knows it."""

    name: str
    addresses: tuple[str, ...] = ()
    """ansible_host and whatever else this machine answers to."""
    variables: Variables
    check_only: bool = False

    def answers_to(self, name: str) -> bool:
        """The scan and the inventory may call the same machine differently."""
        return name == self.name or name in self.addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One run of one playbook."""

    playbook: str
    hosts: tuple[str, ...]
    tags: tuple[str, ...]
    closes: tuple[Result, ...]
    derived: Variables
    """Extra variables that the scan supplies because the inventory does not."""
    missing: tuple[str, ...] = ()
    """Variables that only the admin can supply; the step is not run without them."""

    def arguments(self, inventory: str, folder: str = "playbooks") -> tuple[str, ...]:
        """The line that a person would type, as an argument list."""
        line = ["ansible-playbook", "-i", inventory, f"{folder}/{self.playbook}.yml"]
        line += ["-l", ",".join(self.hosts), "--tags", ",".join(self.tags)]
        if self.derived:
            line += ["-e", json.dumps(dict(self.derived), sort_keys=True)]
        return tuple(line)

    def command(self, inventory: str, folder: str = "playbooks") -> str:
        """The same, quoted for a shell."""
        return shlex.join(self.arguments(inventory, folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What closes what was found, and what no playbook can close."""

    steps: tuple[Step, ...] = ()
    by_hand: tuple[Result, ...] = ()
    unreachable: tuple[tuple[Result, str], ...] = ()
    """Findings that a playbook would close, and why it cannot be run for them."""

    @property
    def runnable(self) -> tuple[Step, ...]:
        """Steps with everything they need."""
        return tuple(step for step in self.steps if not step.missing)


def make_plan(
    scanned: Scanned,
    members: Sequence[Member],
    *,
    order: Sequence[str],
    needs: Mapping[str, Needs],
    minimum: Severity = Severity.INFO,
) -> Plan:
    """Group the open findings by playbook.

    `order` is the safe order of the playbooks, `needs` what each that there is cannot do without. A finding whose tag
    lacks something waits in a step of its own, so that it keeps nothing else back.
    """
    grouped: dict[str, dict[str, list[Result]]] = {}
    by_hand: list[Result] = []
    unreachable: list[tuple[Result, str]] = []
    for result in _open(scanned.results, minimum):
        if result.playbook is None:
            by_hand.append(result)
            continue
        hosts, problem = _hosts_for(result, scanned, members)
        if result.playbook not in needs:
            problem = f"this installation has no playbook {result.playbook}"
        if problem:
            unreachable.append((result, problem))
            continue
        for host in hosts:
            grouped.setdefault(result.playbook, {}).setdefault(host, []).append(result)
    rank = {name: position for position, name in enumerate(order)}
    steps = []
    for playbook in sorted(grouped, key=lambda name: (rank.get(name, len(rank)), name)):
        steps += _steps(playbook, grouped[playbook], scanned, members, needs[playbook])
    return Plan(steps=tuple(steps), by_hand=tuple(by_hand), unreachable=tuple(unreachable))


def _open(results: Iterable[Result], minimum: Severity) -> list[Result]:
    return [
        r for r in results if r.status is Status.FAILED and not r.accepted and r.severity.rank <= minimum.rank
    ]


def _hosts_for(
    result: Result, scanned: Scanned, members: Sequence[Member]
) -> tuple[tuple[str, ...], str | None]:
    """Inventory names of the hosts that a repair of this finding runs on, or why there are none."""
    if result.subject_kind == "domain":
        serving = dict(scanned.hosts_of_domain).get(result.subject, ())
        found = [
            member
            for member in members
            if result.subject in _domains(member) or any(member.answers_to(name) for name in serving)
        ]
    else:
        found = [member for member in members if member.answers_to(result.subject)]
    if not found:
        return (), f"no host of the inventory answers to {result.subject}"
    allowed = tuple(member.name for member in found if not member.check_only)
    return allowed, None if allowed else f"{found[0].name} is in the group check_only"


def _domains(member: Member) -> Sequence[str]:
    lists = (member.variables.get(name) for name in ("mail_domains", "mail_silent_domains"))
    return [str(domain) for domains in lists if isinstance(domains, list | tuple) for domain in domains]


def _steps(
    playbook: str,
    by_host: Mapping[str, Sequence[Result]],
    scanned: Scanned,
    members: Sequence[Member],
    needs: Needs,
) -> list[Step]:
    """Hosts that need the same tags and variables share a run; the playbook itself goes one host at a time."""
    shared: dict[str, Step] = {}
    for member in members:
        derived = _derive(member, scanned)
        known = {**member.variables, **derived}
        apart: dict[tuple[str, ...], list[Result]] = {}
        for result in by_host.get(member.name, ()):
            wanted = (*needs.get(EVERY_TAG, ()), *needs.get(result.check, ()))
            missing = tuple(need.variable for need in wanted if need.unmet(known, result.observed))
            apart.setdefault(missing, []).append(result)
        for missing, results in sorted(apart.items()):
            tags = tuple(dict.fromkeys(result.check for result in results))
            key = json.dumps([tags, dict(derived), missing], sort_keys=True)
            same = shared.get(key)
            shared[key] = Step(
                playbook=playbook,
                hosts=(*(same.hosts if same else ()), member.name),
                tags=tags,
                closes=(*(same.closes if same else ()), *results),
                derived=derived,
                missing=missing,
            )
    return list(shared.values())


def _derive(member: Member, scanned: Scanned) -> dict[str, object]:
    """What the scan knows and the inventory does not say. Nothing the inventory says is overridden."""
    if "mail_domains" in member.variables:
        return {}
    served = [
        domain for domain, hosts in scanned.hosts_of_domain if any(member.answers_to(host) for host in hosts)
    ]
    return {"mail_domains": sorted(served)} if served else {}
