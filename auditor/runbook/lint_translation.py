"""Rules on a translated runbook, `NAME.LANGUAGE.md`: every step, in words alone, so that commands have one source."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from auditor.runbook.format import Runbook
from auditor.runbook.library import NoSuchRunbook
from auditor.runbook.parse import Problem, read
from auditor.runbook.vocabulary import LANGUAGES

_MARK: Final = re.compile(r"<!--\s*step:\s*(\S+)\s*-->")
_FENCE: Final = re.compile(r"^\s*(```|~~~)")


def is_translation(path: Path) -> bool:
    """Whether a file of the runbooks' folder is one in another language."""
    return path.suffix == ".md" and path.stem.count(".") == 1


def lint_translation(path: Path) -> list[Problem]:
    """Every complaint about a translation, in order of lines; raises NoSuchRunbook, Malformed, OSError, UnicodeError."""
    name, _, language = path.stem.partition(".")
    canonical = path.with_name(f"{name}.md")
    if not canonical.is_file():
        raise NoSuchRunbook(f"{path.name} translates {canonical.name}, which is not there")
    problems = (
        []
        if language in LANGUAGES
        else [Problem(1, f"unknown language {language}; one of {', '.join(LANGUAGES)}")]
    )
    return sorted([*problems, *_text(path.read_text("utf-8"), read(canonical))])


def _text(text: str, canonical: Runbook) -> Iterator[Problem]:
    wanted = {step.id for step in canonical.steps}
    seen: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            yield Problem(number, "blocks stand in the canonical file alone")
        for step in _MARK.findall(line):
            seen[step] += 1
            if step not in wanted:
                yield Problem(number, f"{canonical.id} has no step {step}")
            elif seen[step] == 2:
                yield Problem(number, f"the step {step} is translated twice")
    for step in sorted(wanted - set(seen)):
        yield Problem(1, f"the step {step} is not translated")
