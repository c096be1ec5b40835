"""Rules on order: a step has one name, and refers to nothing that comes later or never."""

from collections.abc import Iterator
from typing import Final

from auditor.runbook import condition
from auditor.runbook.format import Runbook, Step, Use
from auditor.runbook.lint_words import Surroundings
from auditor.runbook.parse import Problem
from auditor.runbook.vocabulary import BUILTINS, FACTS

_RESULTS: Final = frozenset({"ok", "failed", "unknown", "skipped"})


def identity(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    """One step, one id; one block for each use and platform."""
    seen: set[str] = set()
    for step in runbook.steps:
        if not step.id.replace("-", "").isalnum() or step.id != step.id.lower() or not step.id[0].isalpha():
            yield Problem(step.line, f"the id {step.id} must be lower case words joined by -")
        if step.id in seen:
            yield Problem(step.line, f"the id {step.id} is used twice")
        seen.add(step.id)
    used: set[tuple[Use, str, tuple[str, ...], int | None]] = set()
    for block in runbook.shells:
        if block.step not in seen:
            yield Problem(block.line, f"this block belongs to {block.step}, but no step is called so")
        key = (block.use, block.step, block.mtas, block.debian)
        if key in used:
            yield Problem(block.line, f"a second block {block.use}={block.step} for the same platform")
        used.add(key)


def references(runbook: Runbook, around: Surroundings) -> Iterator[Problem]:
    """What a step names came before, and what it leads to comes after."""
    order = {step.id: number for number, step in enumerate(runbook.steps)}
    for step in runbook.steps:
        words, here = step.words, order[step.id]
        earlier = [("needs", name) for name in words.needs] + [("gate", name) for name in words.gate]
        for key, name in [*earlier, *([("of", words.of)] if words.of else [])]:
            if name not in order:
                yield Problem(step.line, f"{step.id}: {key} names {name}, which is no step")
            elif order[name] >= here:
                yield Problem(
                    step.line, f"{step.id}: {key} names {name}, which comes later: that would be a cycle"
                )
        yield from _jumps(step, order)
        if words.dead_man is not None and order.get(words.dead_man.unless, -1) <= here:
            yield Problem(
                step.line,
                f"{step.id}: dead_man: {words.dead_man.unless} is no later step, which could confirm it",
            )
        for option in words.options.values():
            if option.runbook and around.runbooks is not None and option.runbook not in around.runbooks:
                yield Problem(step.line, f"{step.id}: there is no runbook {option.runbook}")


def _jumps(step: Step, order: dict[str, int]) -> Iterator[Problem]:
    words = step.words
    on_fail = words.on_fail or "stop"
    if on_fail != "stop" and not on_fail.startswith("goto:"):
        yield Problem(step.line, f"{step.id}: on_fail is stop or goto:STEP")
    targets = [on_fail.removeprefix("goto:")] if on_fail.startswith("goto:") else []
    for name in [*targets, *(option.goto for option in words.options.values() if option.goto)]:
        if name not in order:
            yield Problem(step.line, f"{step.id}: goto names {name}, which is no step")
        elif order[name] <= order[step.id]:
            yield Problem(step.line, f"{step.id}: goto names {name}, which came before: that would be a loop")


def conditions(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    """`when` can be read, and asks for what is known by then."""
    known = set(FACTS) | set(BUILTINS) | set(runbook.front.vars)
    steps: set[str] = set()
    for step in runbook.steps:
        if step.words.when is not None:
            try:
                asked = condition.names(condition.parse(step.words.when))
            except condition.BadCondition as error:
                yield Problem(step.line, f"{step.id}: when: {error}")
                asked = frozenset()
            for name in sorted(asked):
                base, dot, result = name.partition(".")
                if dot and (base not in steps or result not in _RESULTS):
                    yield Problem(
                        step.line,
                        f"{step.id}: when: {name} is not the ok, failed, unknown or skipped of an earlier step",
                    )
                elif not dot and name not in known:
                    yield Problem(step.line, f"{step.id}: when: {name} is not known at this step")
        steps.add(step.id)
        known |= set(step.words.ask) | set(step.words.capture) | ({step.id} if step.words.options else set())
