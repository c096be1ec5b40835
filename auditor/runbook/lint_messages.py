"""Rules on the messages to people."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from auditor.runbook import shell
from auditor.runbook.vocabulary import LANGUAGES, MESSAGE_FIELDS, MESSAGES

_ADDRESS: Final = re.compile(r"@|\b\d{1,3}(?:\.\d{1,3}){3}\b|[0-9a-f]{1,4}:[0-9a-f:]*::?[0-9a-f]")
_PROMISES: Final = re.compile(
    r"nothing was lost|no data|guarantee|ingenting gick|garanter|nulla è andato|garanti|rien n'a été perdu",
    re.IGNORECASE,
)
"""What only the accounting may say, in the languages of the messages."""


def lint_messages(folder: Path) -> Iterator[str]:
    """Complaints about the message templates, each with its file: what is missing, unknown, different or promised."""
    for name in MESSAGES:
        texts = {}
        for language in LANGUAGES:
            path = folder / f"{name}.{language}.md"
            if path.is_file():
                texts[language] = path.read_text("utf-8", "replace")
                yield from (f"{path}:{line}: {why}" for line, why in _text(texts[language]))
            else:
                yield f"{path}: is missing"
        original = shell.names(texts.get(LANGUAGES[0], ""))
        for language, text in texts.items():
            if language != LANGUAGES[0] and LANGUAGES[0] in texts:
                yield from (f"{folder / name}.{language}.md: {why}" for why in _differences(original, text))
    known = {f"{name}.{language}.md" for name in MESSAGES for language in LANGUAGES}
    for path in sorted(folder.glob("*.md")):
        if path.name not in known:
            yield f"{path}: there is no message or no language of that name"


def _text(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    if not text.startswith("Subject: "):
        yield 1, "begins with Subject:"
    if lines[1:2] != [""] or not "".join(lines[2:]).strip():
        yield 2, "an empty line and a text follow the subject"
    for number, line in enumerate(lines, 1):
        for unknown in sorted(shell.names(line) - set(MESSAGE_FIELDS)):
            yield number, f"unknown field {unknown}"
        bare = shell.PLACEHOLDER.sub("", line)
        if "{{" in bare or "}}" in bare:
            yield number, "a field is written {{ name }}, and this is none"
        if _ADDRESS.search(bare):
            yield number, "holds an address; use a field"
        if _PROMISES.search(bare):
            yield number, "promises what only the accounting can say; use the field loss"


def _differences(original: frozenset[str], text: str) -> Iterator[str]:
    """What a translation says with other fields than the English text."""
    fields = shell.names(text)
    if fields != original:
        lacking, added = ", ".join(sorted(original - fields)), ", ".join(sorted(fields - original))
        told = [f"lacks {lacking}"] * bool(lacking) + [f"has {added} besides"] * bool(added)
        yield f"does not hold the same fields as the English text: {' and '.join(told)}"
