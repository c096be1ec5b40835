"""Markdown for people, and the same as one HTML page: no script, no request to anywhere, on screen and on paper."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5a6472; --paper: #fff; --line: #d8dde3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --paper: #14171a; --line: #333a42; } }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; } h1, li { overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: .93rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-top: 1px solid var(--line); }
th { color: var(--soft); font-weight: normal; border-top: 0; } th:empty { padding: 0; }
td { overflow-wrap: anywhere; } td:first-child { white-space: nowrap; color: var(--soft); }
td:nth-last-child(n+4) { white-space: nowrap; font-variant-numeric: tabular-nums; }
li { font: .8rem/1.6 ui-monospace, "DejaVu Sans Mono", monospace; }
@media print { body { padding: 0; max-width: none; font-size: 9.5pt; } :root { color-scheme: light; } tr { break-inside: avoid; } }
"""


def cell(text: str) -> str:
    """Foreign text that is no Markdown inside a table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """The lines of a Markdown table; every cell made harmless."""
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(map(cell, row))} |"


def moment(utc: str) -> str:
    """2026-11-22 05:59:02 from 2026-11-22T05:59:02.189Z; programs get the whole from JSON and CSV."""
    return utc[:19].replace("T", " ")


def html(title: str, markdown: str) -> str:
    """The whole page. Markup in the text stays text."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - only this format needs it

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )
