"""The person at the terminal: 80 columns, no colour needed, a serial console or a pipe will do."""

import sys
import textwrap
from pathlib import Path
from typing import Any, TextIO

import yaml

from auditor.runbook.operator import NoAnswer, Operator, Scripted

WIDTH = 79


class BadAnswers(ValueError):
    """Its text is the sentence for the user."""


def say(text: str, to: TextIO) -> None:
    """Show text that is already safe, wrapped with its own indent; whatever the terminal cannot spell is escaped."""
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        # Commands and outputs (four spaces and more) are not reflowed: they are read as they are.
        pieces = (
            [line]
            if len(indent) >= 4 or len(line) <= WIDTH
            else textwrap.wrap(line, WIDTH, break_on_hyphens=False, subsequent_indent=indent)
        )
        for piece in pieces or [""]:
            encoding = to.encoding or "ascii"
            print(piece.encode(encoding, "backslashreplace").decode(encoding), file=to, flush=True)


class Terminal:
    """Questions on standard error, answers from standard input; its end is an answer nobody gave."""

    def say(self, text: str) -> None:
        """See Operator."""
        say(text, sys.stderr)

    def answer(self, key: str, question: str, default: str | None) -> str:
        """See Operator."""
        self.say(question)
        print(f"  [{default}]> " if default else "  > ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise NoAnswer(key, question)
        return line.rstrip("\n") or (default or "")


def operator(answers: Path | None) -> Operator:
    """The terminal, or the file of answers. Raises BadAnswers."""
    if answers is None:
        return Terminal()
    return Scripted(read_answers(answers), lambda text: say(text, sys.stderr))


def read_answers(path: Path) -> dict[str, Any]:
    """The YAML mapping of step -> what -> answer. Raises BadAnswers."""
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadAnswers(f"--answers {path}: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise BadAnswers(f"--answers {path}: a mapping of steps to answers is needed")
    return {str(key): value for key, value in found.items()}
