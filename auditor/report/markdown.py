"""A scan as Markdown: for a ticket, a wiki, a mail to whoever decides."""

import re
from collections.abc import Iterator, Mapping

from auditor.model import Check, Finding
from auditor.report.json import stamp, summary
from auditor.report.wording import Lines, observation, open_failures, the_rest, visible, why
from auditor.scan import Scan

SHOWN = 20
"""Offenders of one finding; JSON has them all."""


def render(scan: Scan, checks: Mapping[str, Check], lines: Lines) -> str:
    """Worst first, with the ready command lines."""
    return "\n".join(_lines(scan, checks, lines)) + "\n"


def safe(text: str) -> str:
    """Text of a target as text: no markup, no HTML, no table cells of its own."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&])", r"\\\1", visible(text))


def _lines(scan: Scan, checks: Mapping[str, Check], lines: Lines) -> Iterator[str]:
    counts = summary(scan)
    names = ", ".join(safe(target.target) for target in scan.targets)
    yield f"# {names}"
    yield ""
    yield f"Scanned {stamp(scan.record.started)} in {scan.seconds:.1f} s: " + ", ".join(
        f"{count} {status}" for status, count in counts.items() if count
    )
    subjects = [subject for target in scan.targets for subject in target.subjects]
    for finding in open_failures(scan):
        yield ""
        yield f"## {finding.severity.upper()}: {finding.check} on {safe(finding.subject)}"
        yield ""
        yield safe(finding.summary)
        yield ""
        yield from _observed(finding)
        yield f"- Want: {safe(finding.title)}"
        if why(checks.get(finding.check)):
            yield f"- Why: {safe(why(checks.get(finding.check)))}"
        words = lines.fix(finding, subjects)
        if words:
            yield f"- Fix: `{' '.join(words)}`"
        else:
            yield f"- By hand: {safe(lines.by_hand(finding))}"
        yield f"- Guide: `{' '.join(lines.guide(finding, subjects))}`"
        if finding.references:
            yield f"- References: {'; '.join(map(safe, finding.references))}"
    yield from _rest(scan)


def _observed(finding: Finding) -> Iterator[str]:
    if finding.observed:
        yield from (f"    {observation(seen)}" for seen in finding.observed[:SHOWN])
        if len(finding.observed) > SHOWN:
            yield f"    and {len(finding.observed) - SHOWN} more"
        yield ""


def _rest(scan: Scan) -> Iterator[str]:
    for heading, found in the_rest(scan):
        yield from ("", f"## {heading}", "")
        for finding in found:
            told = finding.accepted or finding.summary
            yield f"- `{finding.check}` on {safe(finding.subject)}: {safe(told)}"
    if scan.questions:
        yield from ("", "## Only you know: answer in the inventory", "")
        for one in scan.questions:
            yield f"- `{one.variable}`, for `{one.check}` on {safe(one.subject)}: {safe(one.summary)}"
    for remark in scan.remarks:
        yield from ("", safe(remark))
