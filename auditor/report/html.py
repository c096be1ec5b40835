"""A scan as one HTML page: no script, no request to anywhere, readable on screen and on paper, light and dark."""

from collections.abc import Iterator, Mapping
from html import escape

from auditor import __version__
from auditor.model import Check, Finding, Host, Status, Subject, counted
from auditor.report.json import stamp
from auditor.report.wording import (
    Lines,
    observation,
    open_failures,
    severities,
    the_rest,
    visible,
    why,
)
from auditor.scan import Look, Scan

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5a6472; --paper: #fff; --line: #d8dde3; --box: #f5f7f9;
  --critical: #b00020; --high: #c2410c; --medium: #8a6100; --low: #0b6b8a; --info: #5a6472; --good: #1f7a3d; --unseen: #7a2e8e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --paper: #14171a; --line: #333a42; --box: #1d2226;
  --critical: #ff6b81; --high: #ff9a5c; --medium: #e5b93c; --low: #5cc3e6; --info: #9aa5b1; --good: #5fce86; --unseen: #d48ee6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p { margin: .35rem 0; } .soft { color: var(--soft); }
.counts { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 1.25rem 0; padding: 0; list-style: none; }
.counts b { font-size: 1.5rem; display: block; line-height: 1.1; }
article { border: 1px solid var(--line); border-left: .4rem solid var(--tone); border-radius: .3rem; padding: .8rem 1rem;
  margin: 0 0 1rem; break-inside: avoid; }
article h3 { margin: 0 0 .3rem; font-size: 1.05rem; overflow-wrap: anywhere; }
.badge { color: var(--tone); text-transform: uppercase; font-size: .8rem; letter-spacing: .05em; margin-right: .6rem; }
.critical { --tone: var(--critical); } .high { --tone: var(--high); } .medium { --tone: var(--medium); }
.low { --tone: var(--low); } .info { --tone: var(--info); } .unseen { --tone: var(--unseen); } .good { --tone: var(--good); }
.counts li { color: var(--soft); } .counts b { color: var(--tone, var(--ink)); }
dl { display: grid; grid-template-columns: 5.5rem 1fr; gap: .25rem .75rem; margin: .6rem 0 0; } dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
code, pre { font: .85rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; background: var(--box); border-radius: .2rem; }
code { padding: .1rem .3rem; } pre { padding: .5rem .7rem; margin: .5rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; } td { padding: .25rem .5rem .25rem 0; vertical-align: top;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
@media print { body { padding: 0; max-width: none; font-size: 10.5pt; } :root { color-scheme: light; } }
"""


def render(scan: Scan, checks: Mapping[str, Check], lines: Lines) -> str:
    """The whole page."""
    subjects = [subject for target in scan.targets for subject in target.subjects]
    names = ", ".join(target.target for target in scan.targets)
    title = names if len(names) < 100 else f"{len(scan.targets)} targets"
    failed = open_failures(scan)
    body = [
        f"<h1>{_text(title)}</h1>",
        f'<p class="soft">{_text(_about(scan, subjects))}</p>',
        _counts(scan, failed),
        *(["<h2>To do, worst first</h2>"] if failed else []),
        *(_article(finding, subjects, checks, lines) for finding in failed),
        *_tables(scan),
        *_questions(scan),
        *(f'<p class="soft">{_text(remark)}</p>' for remark in scan.remarks),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>auditor: {_text(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _questions(scan: Scan) -> Iterator[str]:
    if scan.questions:
        yield "<h2>Only you know: answer in the inventory</h2><ul>"
        for one in scan.questions:
            told = f"{_text(one.check)} on {_text(one.subject)}: {_text(one.summary)}"
            yield f"<li><code>{_text(one.variable)}</code> {told}</li>"
        yield "</ul>"


def _text(text: str) -> str:
    return escape(visible(text))


def _about(scan: Scan, subjects: list[Subject]) -> str:
    hosts = sum(isinstance(subject, Host) for subject in subjects)
    where = {Look.OUTSIDE: "from outside", Look.INSIDE: "inside", Look.EVERYWHERE: "from outside and inside"}
    # Hosts that gave no way in were seen from outside, whatever the user allowed.
    look = Look.OUTSIDE if len(scan.not_looked) >= hosts and scan.not_looked else scan.record.look
    return (
        f"{counted(hosts, 'host')}, {counted(len(subjects) - hosts, 'domain')}, "
        f"{counted(len(scan.findings), 'check')}; looked {where[look]} as "
        f"{scan.record.vantage.helo}, {stamp(scan.record.started)}, {scan.seconds:.1f} s; auditor {__version__}"
    )


def _counts(scan: Scan, failed: list[Finding]) -> str:
    worst = failed[0].severity.value if failed else "good"
    boxes = [(worst, len(failed), "failed" + (f": {severities(failed)}" if failed else ""))]
    for status, tone, word in (
        (Status.CRASH, "unseen", "crashed"),
        (Status.UNKNOWN, "unseen", "not seen"),
        (Status.PASSED, "good", "passed"),
        (Status.NOT_APPLICABLE, "", "not applicable"),
    ):
        count = sum(finding.status is status for finding in scan.findings)
        if count:
            boxes.append((tone, count, word))
    accepted = sum(finding.accepted is not None for finding in scan.findings)
    if accepted:
        boxes.append(("", accepted, "accepted"))
    inside = "".join(f'<li class="{tone}"><b>{count}</b>{word}</li>' for tone, count, word in boxes)
    return f'<ul class="counts">{inside}</ul>'


def _article(finding: Finding, subjects: list[Subject], checks: Mapping[str, Check], lines: Lines) -> str:
    words = lines.fix(finding, subjects)
    rows = [("Want", _text(finding.title))]
    if why(checks.get(finding.check)):
        rows.append(("Why", _text(why(checks.get(finding.check)))))
    if words:
        rows.append(("Fix", f"<code>{_text(' '.join(words))}</code>"))
    else:
        rows.append(("By hand", escape(lines.by_hand(finding))))
    rows.append(("Guide", f"<code>{_text(' '.join(lines.guide(finding, subjects)))}</code>"))
    if finding.references:
        rows.append(("More", _text("; ".join(finding.references))))
    observed = "\n".join(observation(seen) for seen in finding.observed)
    return (
        f'<article class="{finding.severity}"><h3><span class="badge">{finding.severity}</span>{_text(finding.check)} '
        f'<span class="soft">{_text(finding.subject)}</span></h3><p>{_text(finding.summary)}</p>'
        + (f"<pre>{escape(observed)}</pre>" if observed else "")
        + "<dl>"
        + "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows)
        + "</dl></article>"
    )


def _tables(scan: Scan) -> Iterator[str]:
    for heading, found in the_rest(scan):
        rows = "".join(
            f"<tr><td>{_text(f.check)}</td><td>{_text(f.subject)}</td><td>{_text(f.accepted or f.summary)}</td></tr>"
            for f in found
        )
        yield f"<h2>{heading}</h2><table>{rows}</table>"
