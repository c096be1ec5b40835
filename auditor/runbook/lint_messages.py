"""Rules on the messages to people."""

from collections.abc import Iterator
from pathlib import Path

from auditor.runbook import shell
from auditor.runbook.vocabulary import LANGUAGES, MESSAGE_FIELDS, MESSAGES


def lint_messages(folder: Path) -> Iterator[str]:
    """Complaints about the message templates: a language missing, an unknown field, fields that differ, a real address."""
    for name in MESSAGES:
        fields: dict[str, frozenset[str]] = {}
        for language in LANGUAGES:
            path = folder / f"{name}.{language}.md"
            if not path.is_file():
                yield f"{path}: is missing"
                continue
            text = path.read_text("utf-8")
            fields[language] = shell.names(text)
            if not text.startswith("Subject: "):
                yield f"{path}:1: begins with Subject:"
            for unknown in sorted(fields[language] - set(MESSAGE_FIELDS)):
                yield f"{path}: unknown field {unknown}"
            if "@" in text:
                yield f"{path}: holds an address; use a field"
        if len(set(fields.values())) > 1:
            yield f"{folder / name}: the languages do not hold the same fields"
