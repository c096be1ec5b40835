"""Rules on the text of shell blocks: what they may run, and that what they do is what the step says it does."""

import re
from collections.abc import Iterator
from typing import Final

from auditor.runbook import shell
from auditor.runbook.format import Danger, Runbook, Shell, Step, Use
from auditor.runbook.lint_words import Surroundings
from auditor.runbook.parse import Problem
from auditor.runbook.vocabulary import BUILTINS, FACTS

_LOOKS: Final = frozenset({Use.PREVIEW, Use.CAPTURE, Use.VERIFY})
_WRAPPER: Final = re.compile(r"^[^#]*\bsystemctl\s+(\S+\s+)*postfix(\.service)?(?=[\s;|&)]|$)")
_FREE: Final = frozenset({"line", "text", "int", "file", "optional-file"})
"""Types whose values may begin with a dash."""


def shell_blocks(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    """Every block is shell, knows its values, quotes none of them, and runs nothing that is forbidden."""
    types = dict.fromkeys((*FACTS, *BUILTINS), "")
    types |= {name: variable.type for name, variable in runbook.front.vars.items()}
    for step in runbook.steps:
        types |= {name: asked.type for name, asked in step.questions().items()}
        for block in step.shells:
            first = any(one.use is Use.CAPTURE for one in step.shells)
            later = {Use.UNDO, Use.VERIFY} | ({Use.DO} if first else set())
            yield from _wrapped(runbook, block)
            yield from _block(block, types | (step.words.capture if block.use in later else {}))
        types |= step.words.capture


def _block(block: Shell, types: dict[str, str]) -> Iterator[Problem]:
    for number, why in shell.unsafe(block.text):
        yield Problem(block.line + 1 + number, why)
    for number, name in shell.quoted_placeholders(block.text):
        yield Problem(block.line + 1 + number, f"{{{{ {name} }}}} stands inside quotes: close them before it")
    for number, name in shell.dashing(block.text, {name for name, kind in types.items() if kind in _FREE}):
        yield Problem(
            block.line + 1 + number,
            f"{{{{ {name} }}}} may begin with a dash, and then it is an option: write -- or -e before it",
        )
    for name in sorted(shell.names(block.text) - set(types)):
        yield Problem(block.line, f"{{{{ {name} }}}} is not known at this step")
    complaint = shell.syntax_error(block.text)
    if complaint is not None:
        yield Problem(block.line, complaint)


def _wrapped(runbook: Runbook, block: Shell) -> Iterator[Problem]:
    """On Debian 12 postfix.service does nothing and is always active, also when Postfix is dead."""
    if "debian12/postfix" in runbook.front.tested_on and block.fits("postfix", 12):
        for number, line in enumerate(block.text.split("\n")):
            if _WRAPPER.search(line):
                yield Problem(
                    block.line + 1 + number,
                    "on Debian 12 postfix.service is an empty shell: name postfix@-.service in a block with debian=12",
                )


def honest(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    """No block does more than its step owns to: what only looks changes nothing, and what changes can be taken back."""
    for step in runbook.steps:
        for block in step.shells:
            for number, why in _undeclared(step, block):
                yield Problem(block.line + 1 + number, f"{step.id}: {why}")


def _undeclared(step: Step, block: Shell) -> Iterator[tuple[int, str]]:
    if block.use in _LOOKS:
        for number, _ in shell.acts(block.text):
            yield number, f"a {block.use}= block only looks, and this changes something"
        return
    if step.words.danger is Danger.NONE:
        for number, _ in shell.settings(block.text):
            yield number, "this stays on the host: danger is reversible, with an undo= block"
    if step.words.danger is not Danger.DESTRUCTIVE or block.use is not Use.DO:
        for number, _ in shell.deletions(block.text):
            yield number, "this deletes mail: only a step of danger: destructive may"
