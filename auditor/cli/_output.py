"""Reports to standard output or into files. A file is there whole or not at all."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TextIO

from auditor.model import Check
from auditor.report.wording import Lines
from auditor.scan import Scan

FORMATS = ("text", "json", "markdown", "html", "junit", "openmetrics")
SUFFIXES = {
    ".txt": "text",
    ".json": "json",
    ".md": "markdown",
    ".html": "html",
    ".xml": "junit",
    ".prom": "openmetrics",
}
PIPE_WIDTH = 100
"""Columns where nobody says how many there are."""
STDOUT = "-"


class BadOutput(ValueError):
    """Its text is the sentence for the user."""


def pair(formats: Sequence[str], outputs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """--format and -o belong together in their order; a format without -o goes to standard output.

    A file without --format is written in the format of its suffix. Raises BadOutput.
    """
    pairs = []
    for form, output in zip_longest(formats, outputs):
        if form is not None and form not in FORMATS:
            raise BadOutput(f"--format {form!a} is none of {', '.join(FORMATS)}")
        chosen = form or SUFFIXES.get(Path(output).suffix.lower())
        if chosen is None:
            raise BadOutput(f"-o {output}: say which --format ({', '.join(FORMATS)})")
        pairs.append((chosen, output or STDOUT))
    if sum(output == STDOUT for _, output in pairs) > 1:
        raise BadOutput("only one report can go to standard output: give -o FILE for the others")
    for _, output in pairs:
        if output != STDOUT and not Path(output).parent.is_dir():
            raise BadOutput(f"-o {output}: no such directory")
    return tuple(pairs) or (("text", STDOUT),)


def write_whole(path: Path, text: str) -> None:
    """Beside it first, then renamed: whoever reads the file never sees half of it. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)  # only there when something went wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What every report is made of."""

    scan: Scan
    checks: Mapping[str, Check]
    lines: Lines
    verbose: bool = False


def render(form: str, shown: Shown, to: TextIO) -> str:
    """The report as one string; text is as wide and as colourful as `to` allows."""
    from auditor.report import html, json, junit, markdown, openmetrics

    match form:
        case "json":
            return json.render(shown.scan)
        case "markdown":
            return markdown.render(shown.scan, shown.checks, shown.lines)
        case "html":
            return html.render(shown.scan, shown.checks, shown.lines)
        case "junit":
            return junit.render(shown.scan, shown.lines)
        case "openmetrics":
            return openmetrics.render(shown.scan)
        case _:
            return _text(shown, to)


def _text(shown: Shown, to: TextIO) -> str:
    from rich.console import Console

    from auditor.report.text import TextReport

    console = Console(file=to, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        asked = os.environ.get("COLUMNS", "")
        width = int(asked) if asked.isdecimal() and int(asked) else PIPE_WIDTH
        console = Console(file=to, highlight=False, markup=False, emoji=False, width=width)
    report = TextReport(scan=shown.scan, checks=shown.checks, lines=shown.lines, verbose=shown.verbose)
    with console.capture() as captured:
        console.print(report, crop=False)  # a command line is never cut
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")) + "\n"


def deliver(pairs: Sequence[tuple[str, str]], shown: Shown, *, stdout: TextIO, stderr: TextIO) -> None:
    """Every report where it belongs. Raises BadOutput."""
    for form, output in pairs:
        if output == STDOUT:
            stdout.write(_encodable(render(form, shown, stdout), stdout))
            stdout.flush()
            continue
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            text = render(form, shown, nowhere)
        keep(Path(output), text, stderr)


def keep(path: Path, text: str, stderr: TextIO) -> None:
    """Write it whole and say so. Raises BadOutput."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise BadOutput(f"{path}: {error.strerror}") from error
    print(f"auditor: wrote {path}", file=stderr)


def _encodable(text: str, stream: TextIO) -> str:
    """What a terminal in a narrow locale cannot show is escaped, not an exception."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, errors="backslashreplace").decode(encoding)
