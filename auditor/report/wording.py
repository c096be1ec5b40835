"""What every report says in words: text of targets made harmless, and the ready command lines of a finding."""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.model import (
    ByHand,
    Check,
    Domain,
    Family,
    Finding,
    Host,
    Observation,
    Playbook,
    Severity,
    Status,
    Subject,
    Value,
)
from auditor.scan import Scan


def visible(text: str) -> str:
    """Everything that could move a cursor, colour, reverse or hide text is shown as its escape.

    str.isprintable() is false for controls, bidirectional marks, zero-width characters, lone surrogates and
    every space but U+0020; tabs and line ends of our own wording do not occur.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def value(seen: Value) -> str:
    """One observed value, in quotes where its borders would be unclear."""
    if seen is None:
        return "-"
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    text = visible(str(seen))
    return f'"{text}"' if not text or " " in text or "=" in text else text


def observation(seen: Observation) -> str:
    """One offender in one line."""
    return "  ".join(f"{visible(key)}={value(item)}" for key, item in seen.items())


ABBREVIATED = ("e.g.", "i.e.", "etc.", "cf.", "vs.", "resp.", "approx.")


def why(check: Check | None) -> str:
    """The first sentence of a check's page, without the marks of code."""
    page = " ".join((check.page if check else "").split("\n\n", 1)[0].split()).replace("`", "")
    for end in re.finditer(r"[.!?](?=\s|$)", page):
        if not page[: end.end()].endswith(ABBREVIATED):
            return page[: end.end()]
    return page


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By severity, then family in the catalogue's order (an open relay before a silent log), check and subject."""
    order = list(Family)
    return sorted(findings, key=lambda f: (f.severity.rank, order.index(f.family), f.check, f.subject))


def open_failures(scan: Scan) -> list[Finding]:
    """What has to be done, worst first: without what the operator lives with."""
    return worst_first(f for f in scan.findings if f.status is Status.FAILED and f.accepted is None)


def the_rest(scan: Scan) -> Iterator[tuple[str, list[Finding]]]:
    """Everything that is no open failure, under its heading; empty groups left out."""
    headings: dict[str, list[Finding]] = {
        "Not seen: neither fine nor failed": [f for f in scan.findings if f.status is Status.UNKNOWN],
        "Crashed: a bug of auditor, please report it": [f for f in scan.findings if f.status is Status.CRASH],
        "Accepted": [f for f in scan.findings if f.accepted is not None],
        "Passed": [f for f in scan.findings if f.status is Status.PASSED],
        "Not applicable": [f for f in scan.findings if f.status is Status.NOT_APPLICABLE],
    }
    return ((heading, worst_first(found)) for heading, found in headings.items() if found)


def severities(findings: Iterable[Finding]) -> str:
    """`1 critical, 2 high`: how many of each that occurs."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Ready command lines for the place from which the user works."""

    inventory: str | None = None
    """As given with -i; without one, the lines name the file that the user is going to write."""
    playbooks: str = "playbooks"
    available: frozenset[str] | None = None
    """Names of the playbooks that this installation has; None where that was not looked up."""
    example: str = "inventory.example.yml"
    """The inventory to start from: beside the playbooks."""

    @property
    def inventory_word(self) -> str:
        """What stands after -i."""
        return shlex.quote(self.inventory or "inventory.yml")

    def fix(self, finding: Finding, subjects: Iterable[Subject]) -> tuple[str, ...]:
        """Words of the ansible-playbook line, () where the repair needs a person."""
        if not self.repairs(finding) or isinstance(finding.remedy, ByHand):
            return ()
        hosts = self.hosts(finding, subjects)
        limit = ("-l " + shlex.quote(",".join(hosts)),) if hosts else ()
        path = shlex.quote(f"{self.playbooks}/{finding.remedy.name}.yml")
        return (f"ansible-playbook -i {self.inventory_word}", path, *limit, f"--tags {finding.check}")

    def repairs(self, finding: Finding) -> bool:
        """There is a playbook for it, here and now: a line that cannot run is worse than none."""
        match finding.remedy:
            case ByHand():
                return False
            case Playbook(name):
                return self.available is None or name in self.available

    def by_hand(self, finding: Finding) -> str:
        """What a person has to do where no playbook does it."""
        match finding.remedy:
            case ByHand(steps):
                return visible(steps)
            case Playbook(name):
                return f"this version has no playbook {name} yet; auditor explain {finding.check} says what is right"

    def hosts(self, finding: Finding, subjects: Iterable[Subject]) -> tuple[str, ...]:
        """The hosts that the repair has to run on."""
        if finding.subject_kind == "host":
            return (finding.subject,)
        return next((s.hosts for s in subjects if isinstance(s, Domain) and s.name == finding.subject), ())

    def guide(self, finding: Finding, subjects: Iterable[Subject]) -> tuple[str, ...]:
        """Words of the line that opens the finding's runbook as an incident on its host; shows it where there is none."""
        known = tuple(subjects)
        host = next(iter(self.hosts(finding, known)), None)
        if host is None:
            return (f"auditor runbook show {finding.runbook}",)
        return (
            f"auditor incident open --runbook {finding.runbook}",
            f"--host {shlex.quote(host)}",
            self._way_in(host, known),
        )

    def _way_in(self, host: str, subjects: Iterable[Subject]) -> str:
        """As the scan came in; a scan that did not has to be told."""
        if self.inventory is not None:
            return f"-i {self.inventory_word}"
        way = next((s.ssh for s in subjects if isinstance(s, Host) and s.name == host), None)
        if way is None:
            return f"--ssh {shlex.quote('root@' + host)}"
        name = f"[{way.host}]" if ":" in way.host else way.host
        user = f"{way.user}@" if way.user else ""
        return "--ssh " + shlex.quote(f"{user}{name}" + (f":{way.port}" if way.port != 22 else ""))
