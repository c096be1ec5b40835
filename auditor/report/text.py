"""The report that an admin reads on a terminal: worst first, and at the end what to do now.

Only rich.text.Text is built here, never markup, so nothing that a target says is interpreted.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from auditor import __version__
from auditor.model import Check, Finding, Host, Severity, Status, counted
from auditor.report.wording import (
    Lines,
    observation,
    open_failures,
    severities,
    visible,
    why,
    worst_first,
)
from auditor.scan import Look, Scan, TargetFindings

STYLE = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold yellow",
    Severity.LOW: "bold cyan",
    Severity.INFO: "bold",
}
WIDEST = len(" CRITICAL ")
INDENT = 4
LABEL = 7
SHOWN = 3
"""Offenders shown of one finding; --verbose and JSON have them all."""
SHORT_LIST = 8
"""Failures repeated at the end, so that the last screen of a long report holds the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReport:
    """A rich renderable; the console that prints it decides about width and colour."""

    scan: Scan
    checks: Mapping[str, Check]
    lines: Lines
    verbose: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Top to bottom."""
        yield self._head()
        for target in self.scan.targets:
            yield from self._target(target, options)
        yield from self._crashes()
        yield from self._unknowns()
        yield from self._accepted()
        yield from self._questions()
        yield from self._passes()
        yield from self._end(options)

    def _head(self) -> Text:
        count = len(self.scan.targets)
        names = visible(self.scan.targets[0].target) if count == 1 else f"{count} targets"
        checks = counted(len(self.scan.findings), "check")
        return Text(f"auditor {__version__}: {names}, {checks}, {self.scan.seconds:.1f} s")

    def _target(self, target: TargetFindings, options: ConsoleOptions) -> Iterator[RenderableType]:
        for subject in target.subjects:
            if isinstance(subject, Host):
                parts = (
                    ", ".join(self.scan.addresses(subject)),
                    self.scan.mta(subject),
                    self.scan.release(subject),
                    ", ".join(subject.domains),
                )
                words = ("", "runs ", "on ", "mail host of ")
                about = "; ".join(word + part for word, part in zip(words, parts, strict=True) if part)
            else:
                about = "mail domain, served by " + (", ".join(subject.hosts) or "no host")
            yield Text.assemble((visible(subject.name), "bold"), "  ", (visible(about), "dim"))
        failed = [f for f in target.findings if f.status is Status.FAILED and f.accepted is None]
        for finding in worst_first(failed):
            yield Text()
            yield from self._finding(finding, target, options)
        yield Text()

    def _finding(
        self, finding: Finding, target: TargetFindings, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        yield _headline(finding)
        yield _block(Text(visible(finding.summary)))
        shown = finding.observed if self.verbose else finding.observed[:SHOWN]
        for seen in shown:
            yield _item(Text(observation(seen), style="dim"))
        if len(shown) < len(finding.observed):
            yield _block(
                Text(f"and {len(finding.observed) - len(shown)} more (--verbose)", style="dim"), extra=2
            )
        yield _labelled("Want", Text(visible(finding.title)))
        reason = why(self.checks.get(finding.check))
        if reason:
            yield _labelled("Why", Text(visible(reason)))
        words = self.lines.fix(finding, target.subjects)
        if words:
            yield _labelled("Fix", _command(words, _room(options, used=INDENT + LABEL + 1)))
        else:
            yield _labelled("By hand", Text(self.lines.by_hand(finding)))
        yield _labelled(
            "Guide",
            _command(self.lines.guide(finding, target.subjects), _room(options, used=INDENT + LABEL + 1)),
        )
        more = (f"auditor explain {finding.check}", *finding.references)
        yield _labelled("More", Text(visible("; ".join(more)), style="dim"))

    def _crashes(self) -> Iterator[RenderableType]:
        crashes = [finding for finding in self.scan.findings if finding.status is Status.CRASH]
        if crashes:
            yield Text("CRASHED  a bug of auditor, not of the host; please report it", style="bold magenta")
        for finding in crashes:
            last = (finding.trace or "").strip().splitlines()[-1:]
            yield _block(Text(f"{finding.check} on {visible(finding.subject)}: {visible(' '.join(last))}"))

    def _unknowns(self) -> Iterator[RenderableType]:
        unknown = [finding for finding in self.scan.findings if finding.status is Status.UNKNOWN]
        if not unknown:
            return
        yield Text.assemble((f"NOT SEEN  {len(unknown)}", "bold magenta"), "  neither fine nor failed")
        groups: dict[tuple[str, str], dict[str, list[str]]] = {}
        for finding in unknown:
            checks = groups.setdefault((str(finding.reason), finding.summary), {})
            checks.setdefault(finding.subject, []).append(finding.check)
        for (reason, summary), subjects in sorted(groups.items()):
            yield _block(Text.assemble((reason, "bold"), "  ", visible(summary)))
            for subject, names in subjects.items():
                yield _block(Text(f"{visible(subject)}: {', '.join(names)}", style="dim"), extra=2)
        yield Text()

    def _accepted(self) -> Iterator[RenderableType]:
        accepted = [finding for finding in self.scan.findings if finding.accepted is not None]
        if accepted:
            yield Text("ACCEPTED  failed, and you live with it", style="bold")
            for finding in worst_first(accepted):
                told = f"{finding.severity} {finding.check} on {finding.subject}: {finding.accepted}"
                yield _block(Text(visible(told)))
            yield Text()

    def _questions(self) -> Iterator[RenderableType]:
        questions = self.scan.questions
        if not questions:
            return
        yield Text.assemble(
            (f"ONLY YOU KNOW  {len(questions)}", "bold"),
            "  answer in the inventory; inventory.example.yml shows how",
        )
        groups: dict[tuple[str, str, str], list[str]] = {}
        for one in questions:
            groups.setdefault((one.check, one.variable, one.summary), []).append(one.subject)
        for (check, variable, summary), subjects in groups.items():
            yield _block(Text.assemble((variable, "bold"), f"  {check}: {visible(summary)}"))
            named = ", ".join(visible(subject) for subject in subjects[:SHOWN])
            more = f" and {len(subjects) - SHOWN} more" if len(subjects) > SHOWN else ""
            yield _block(Text(named + more, style="dim"), extra=2)
        yield Text()

    def _passes(self) -> Iterator[RenderableType]:
        if not self.verbose:
            return
        for status, title in ((Status.PASSED, "PASSED"), (Status.NOT_APPLICABLE, "NOT APPLICABLE")):
            found = [finding for finding in self.scan.findings if finding.status is status]
            if found:
                yield Text(title, style="bold green" if status is Status.PASSED else "bold")
                for finding in worst_first(found):
                    yield _block(
                        Text.assemble(
                            f"{finding.check} ",
                            (visible(finding.subject), "dim"),
                            f"  {visible(finding.summary)}",
                        )
                    )
                yield Text()

    def _end(self, options: ConsoleOptions) -> Iterator[RenderableType]:
        failed = open_failures(self.scan)
        if len(failed) > 1:
            yield Text("IN SHORT", style="bold")
            for finding in failed[:SHORT_LIST]:
                yield _block(_headline(finding, column=True))
            if len(failed) > SHORT_LIST:
                yield _block(Text(f"and {len(failed) - SHORT_LIST} more, above", style="dim"))
            yield Text()
        yield from self._next(failed, options)
        for remark in self.scan.remarks:
            yield Text(visible(f"Note: {remark}"), style="yellow")
        yield self._counts(failed)

    def _next(self, failed: list[Finding], options: ConsoleOptions) -> Iterator[RenderableType]:
        steps = list(self._steps(failed))
        if steps:
            yield Text("NEXT", style="bold")
        for command, purpose in steps:
            yield _block(_command(command, _room(options, used=INDENT)))
            yield _block(Text(purpose, style="dim"), extra=2)
        if steps:
            yield Text()

    def _steps(self, failed: list[Finding]) -> Iterator[tuple[tuple[str, ...], str]]:
        """What a tired admin does now: contain, repair, look further."""
        subjects = [subject for target in self.scan.targets for subject in target.subjects]
        critical = [finding for finding in failed if finding.severity is Severity.CRITICAL]
        if critical:
            yield (
                self.lines.guide(critical[0], subjects),
                "critical: walks you through containing it, step by step",
            )
        repairable = [finding for finding in failed if self.lines.repairs(finding)]
        if repairable:
            if self.lines.inventory is None:
                yield (
                    (f"cp {shlex.quote(self.lines.example)} inventory.yml",),
                    "name your hosts in it: playbooks and inside checks log in as it says",
                )
            yield (
                (f"auditor fix -i {self.lines.inventory_word}",),
                f"has a playbook for {len(repairable)} of {len(failed)}; shows each change and asks before it makes it",
            )
        if self.scan.not_looked and self.scan.record.look is not Look.OUTSIDE:
            count = sum(number for _, number in self.scan.not_looked)
            host = next(
                (s.name for t in self.scan.targets for s in t.subjects if isinstance(s, Host)), "HOST"
            )
            yield (
                (f"auditor scan {visible(host)} --ssh root@{visible(host)}",),
                f"{counted(count, 'check')} inside the host: not made, for want of a way in (or -i INVENTORY)",
            )

    def _counts(self, failed: list[Finding]) -> Text:
        findings = self.scan.findings
        parts = [(f"{len(failed)} failed", "bold red" if failed else "bold green")]
        if failed:
            parts.append((f" ({severities(failed)})", ""))
        for status, word, style in (
            (Status.CRASH, "crashed", "bold magenta"),
            (Status.UNKNOWN, "not seen", "bold magenta"),
            (Status.PASSED, "passed", "bold green"),
            (Status.NOT_APPLICABLE, "not applicable", ""),
        ):
            count = sum(finding.status is status for finding in findings)
            if count:
                parts += [(", ", ""), (f"{count} {word}", style)]
        accepted = sum(finding.accepted is not None for finding in findings)
        if accepted:
            parts.append((f", {accepted} accepted", ""))
        if self.scan.questions:
            parts.append((f", {len(self.scan.questions)} only you know", ""))
        return Text.assemble(*parts)


def _headline(finding: Finding, *, column: bool = False) -> Text:
    badge = f" {finding.severity.upper()} "
    return Text.assemble(
        (badge, STYLE[finding.severity]),
        " " * (1 + (WIDEST - len(badge) if column else 0)),
        (finding.check, "bold"),
        "  ",
        visible(finding.subject),
    )


def _block(text: Text, *, extra: int = 0) -> "_Hanging":
    return _Hanging(Text(" " * (INDENT + extra)), text)


def _item(text: Text) -> "_Hanging":
    return _Hanging(Text(" " * INDENT + "- "), text)


def _labelled(label: str, text: Text) -> "_Hanging":
    """Label in a column of its own; the lines that follow are indented as far."""
    return _Hanging(Text.assemble(" " * INDENT, (f"{label:{LABEL}} ", "bold")), text)


@dataclass(frozen=True, slots=True)
class _Hanging:
    """Text that wraps below its own beginning. What may not wrap (a command) is never cut either."""

    start: Text
    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(20, options.max_width - self.start.cell_len)
        lines = self.text.split() if self.text.no_wrap else self.text.wrap(console, width)
        for number, line in enumerate(lines):
            whole = self.start.copy() if number == 0 else Text(" " * self.start.cell_len)
            whole.append_text(line)
            whole.rstrip()
            whole.no_wrap, whole.overflow = True, "ignore"
            yield whole


def _command(words: Iterable[str], width: int | None) -> Text:
    """On one line where it fits, else continued with backslashes: what is copied runs either way.

    Without a width (no terminal) it stays on one line, for programs that look for it.
    """
    lines: list[str] = []
    for word in words:
        if lines and (width is None or len(lines[-1]) + len(word) + (3 if len(lines) == 1 else 5) <= width):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return Text(" \\\n  ".join(lines), style="green", no_wrap=True, overflow="ignore")


def _room(options: ConsoleOptions, *, used: int) -> int | None:
    return options.max_width - used if options.is_terminal else None
