"""Every rule that a runbook must keep before anybody follows it at night.

A rule is a generator over one runbook; what it yields is wrong, with its line.
"""

from collections.abc import Callable, Iterator
from typing import Final

from auditor.runbook import lint_commands, lint_order, lint_shell, lint_words
from auditor.runbook.format import Runbook
from auditor.runbook.lint_words import Surroundings
from auditor.runbook.parse import Problem

__all__ = ["Surroundings", "lint"]

Rule = Callable[[Runbook, Surroundings], Iterator[Problem]]
_RULES: Final[tuple[Rule, ...]] = (
    lint_words.front, lint_words.kinds,
    lint_order.identity, lint_order.references, lint_order.conditions,
    lint_commands.verified, lint_commands.commands, lint_commands.danger,
    lint_shell.shell_blocks, lint_shell.honest,
)  # fmt: skip


def lint(runbook: Runbook, around: Surroundings) -> list[Problem]:
    """Every complaint about a runbook, in order of lines; empty when it is good."""
    return sorted({problem for rule in _RULES for problem in rule(runbook, around)})
