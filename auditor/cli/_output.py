"""Reports to standard output or into files. A file is there whole or not at all."""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TextIO

from auditor.model import Check
from auditor.report.wording import Lines
from auditor.scan import Scan

FORMATS = ("text", "json")
SUFFIXES = {".json": "json", ".txt": "text"}
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
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def render(
    form: str, scan: Scan, checks: Mapping[str, Check], lines: Lines, *, verbose: bool, to: TextIO
) -> str:
    """The report as one string, as wide and as colourful as `to` allows."""
    if form == "json":
        from auditor.report import json

        return json.render(scan)
    return _text(scan, checks, lines, verbose=verbose, to=to)


def _text(scan: Scan, checks: Mapping[str, Check], lines: Lines, *, verbose: bool, to: TextIO) -> str:
    from rich.console import Console

    from auditor.report.text import TextReport

    console = Console(file=to, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(file=to, highlight=False, width=int(os.environ.get("COLUMNS", PIPE_WIDTH)))
    with console.capture() as captured:
        console.print(TextReport(scan=scan, checks=checks, lines=lines, verbose=verbose))
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")) + "\n"


def deliver(
    pairs: Sequence[tuple[str, str]],
    scan: Scan,
    checks: Mapping[str, Check],
    lines: Lines,
    *,
    verbose: bool,
    stdout: TextIO,
) -> None:
    """Every report where it belongs. Raises BadOutput."""
    for form, output in pairs:
        if output == STDOUT:
            stdout.write(render(form, scan, checks, lines, verbose=verbose, to=stdout))
            stdout.flush()
            continue
        try:
            with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                text = render(form, scan, checks, lines, verbose=verbose, to=nowhere)
            write_whole(Path(output), text)
        except OSError as error:
            raise BadOutput(f"-o {output}: {error.strerror}") from error
        print(f"auditor: {form} report in {output}", file=sys.stderr)
