"""Every rule that a runbook must keep before anybody follows it at night.

A rule is a generator over one runbook (or one of its steps); what it yields is wrong, with its line.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from auditor.runbook import condition, shell
from auditor.runbook.format import Danger, Kind, Runbook, Shell, Step, StepWords, Use, Variable, Verify
from auditor.runbook.parse import Problem
from auditor.runbook.values import NotThatType, check, seconds, type_names
from auditor.runbook.vocabulary import (
    BUILTINS,
    CHECK_IDS,
    EVIDENCE_SETS,
    FACTS,
    LANGUAGES,
    MESSAGE_FIELDS,
    MESSAGES,
    PLATFORMS,
    PROBES,
    ROLES,
)

_RESULTS: Final = frozenset({"ok", "failed", "unknown", "skipped"})
_ANYWHERE: Final = frozenset(
    {
        "id",
        "kind",
        "role",
        "needs",
        "gate",
        "when",
        "verify",
        "on_fail",
        "approve",
        "timeout",
        "minutes",
        "ask",
        "witness",
    }
)
_KEYS: Final[dict[Kind, frozenset[str]]] = {
    Kind.MANUAL: frozenset({"danger", "undo", "temporary"}),
    Kind.COMMAND: frozenset({"danger", "idempotent", "capture", "preview", "temporary"}),
    Kind.ANSIBLE: frozenset({"danger", "idempotent", "play", "args", "undo", "temporary"}),
    Kind.PROBE: frozenset(),
    Kind.EVIDENCE: frozenset({"set", "two_copies"}),
    Kind.DECISION: frozenset({"question", "options", "default_after"}),
    Kind.APPROVE: frozenset(),
    Kind.COMMS: frozenset({"template", "within", "every", "channel"}),
    Kind.WAIT: frozenset({"duration", "recheck"}),
    Kind.UNDO: frozenset({"of"}),
}
_MUST: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.ANSIBLE: ("play",),
    Kind.EVIDENCE: ("set",),
    Kind.DECISION: ("question", "options"),
    Kind.APPROVE: ("approve",),
    Kind.COMMS: ("template",),
    Kind.UNDO: ("of",),
}
_RECORD_IS_PROOF: Final = frozenset({Kind.DECISION, Kind.APPROVE, Kind.COMMS, Kind.EVIDENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What exists around a runbook: other runbooks and playbooks, by name (None: not known, so not checked)."""

    runbooks: frozenset[str] | None = None
    playbooks: frozenset[str] | None = None
    check_ids: frozenset[str] = field(default=CHECK_IDS)


Rule = Callable[[Runbook, Surroundings], Iterator[Problem]]


def lint(runbook: Runbook, around: Surroundings) -> list[Problem]:
    """Every complaint about a runbook, in order of lines; empty when it is good."""
    return sorted({problem for rule in _RULES for problem in rule(runbook, around)})


def _front(runbook: Runbook, around: Surroundings) -> Iterator[Problem]:
    front = runbook.front
    if front.runbook != runbook.path.name.removesuffix(".md"):
        yield Problem(1, f"runbook: {front.runbook} must be the file's name without .md")
    for finding in set(front.findings) - around.check_ids:
        yield Problem(1, f"findings: no check is called {finding}")
    for role in set(front.roles) - ROLES:
        yield Problem(1, f"roles: unknown role {role}")
    for platform in set(front.tested_on) - PLATFORMS:
        yield Problem(1, f"tested_on: {platform} is not one of {', '.join(sorted(PLATFORMS))}")
    if not front.tested_on and any(step.words.kind is Kind.COMMAND for step in runbook.steps):
        yield Problem(1, "tested_on: name the platforms on which the commands were tried")
    if front.frame is not None and around.runbooks is not None and front.frame not in around.runbooks:
        yield Problem(1, f"frame: there is no runbook {front.frame}")
    for key, duration in (("deadline", front.deadline), ("isolate_within", front.isolate_within)):
        yield from _duration(1, key, duration)
    for name, variable in front.vars.items():
        yield from _variable(1, name, variable)
    if not runbook.steps:
        yield Problem(1, "a runbook has at least one step")


def _variable(line: int, name: str, variable: Variable) -> Iterator[Problem]:
    if not name.isidentifier() or name != name.lower():
        yield Problem(line, f"the variable {name} must be lower case letters, digits and _")
    if name in FACTS or name in BUILTINS:
        yield Problem(line, f"the variable {name} hides a fact of that name")
    if variable.type not in type_names:
        yield Problem(line, f"{name}: unknown type {variable.type}; one of {', '.join(type_names)}")
        return
    if variable.type == "choice" and not variable.choices:
        yield Problem(line, f"{name}: type choice needs choices")
    for key, bound in (("default", variable.default), ("min", variable.min), ("max", variable.max)):
        if bound is not None:
            try:
                check(variable.type, str(bound))
            except NotThatType as error:
                yield Problem(line, f"{name}: {key}: {error}")


def _duration(line: int, key: str, text: str | None) -> Iterator[Problem]:
    if text is not None:
        try:
            seconds(text)
        except NotThatType as error:
            yield Problem(line, f"{key}: {error}")


def _identity(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
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


def _references(runbook: Runbook, around: Surroundings) -> Iterator[Problem]:
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


def _kinds(runbook: Runbook, around: Surroundings) -> Iterator[Problem]:
    for step in runbook.steps:
        words = step.words
        allowed = _ANYWHERE | _KEYS[words.kind]
        bare = StepWords(id=step.id, kind=words.kind, role=words.role)
        for key in words.__struct_fields__:
            if key not in allowed and getattr(words, key) != getattr(bare, key):
                yield Problem(
                    step.line, f"{step.id}: a {words.kind} step has no {'for' if key == 'duration' else key}"
                )
        for key in _MUST.get(words.kind, ()):
            if not getattr(words, key):
                yield Problem(step.line, f"{step.id}: a {words.kind} step needs {key}")
        if words.kind is Kind.WAIT and not (words.duration or words.recheck):
            yield Problem(step.line, f"{step.id}: a wait step needs for or recheck")
        if words.kind is Kind.MANUAL and not step.boxes:
            yield Problem(step.line, f"{step.id}: a manual step lists its actions as - [ ] boxes")
        yield from _decision(step)
        yield from _known_words(step, around)


def _decision(step: Step) -> Iterator[Problem]:
    words = step.words
    if words.kind is Kind.DECISION and len(words.options) < 2:
        yield Problem(step.line, f"{step.id}: a decision has at least two options")
    for name, option in words.options.items():
        if sum((option.goto is not None, option.runbook is not None, option.next)) != 1:
            yield Problem(
                step.line, f"{step.id}: option {name} leads to exactly one of goto, runbook and next: true"
            )
    if words.default_after is not None and words.default_after.option not in words.options:
        yield Problem(
            step.line, f"{step.id}: default_after names {words.default_after.option}, which is no option"
        )


def _known_words(step: Step, around: Surroundings) -> Iterator[Problem]:
    words = step.words
    roles = {words.role} | ({words.approve.role} if words.approve else set())
    for role in roles - ROLES:
        yield Problem(step.line, f"{step.id}: unknown role {role}; one of {', '.join(sorted(ROLES))}")
    if words.set is not None and words.set not in EVIDENCE_SETS:
        yield Problem(
            step.line, f"{step.id}: unknown evidence set {words.set}; one of {', '.join(EVIDENCE_SETS)}"
        )
    if words.template is not None and words.template not in MESSAGES:
        yield Problem(step.line, f"{step.id}: unknown message {words.template}; one of {', '.join(MESSAGES)}")
    plays = [play for play in (words.play, words.undo.play if words.undo else None) if play]
    for play in plays:
        if around.playbooks is not None and play.removesuffix(".yml") not in around.playbooks:
            yield Problem(step.line, f"{step.id}: there is no playbook {play}")
    times = [
        ("timeout", words.timeout),
        ("temporary", words.temporary),
        ("within", words.within),
        ("every", words.every),
    ]
    times += [("for", words.duration), *[("recheck", moment) for moment in words.recheck]]
    times += [("default_after", words.default_after.time)] if words.default_after else []
    for key, text in times:
        yield from _duration(step.line, f"{step.id}: {key}", text)
    for name, asked in step.questions().items():
        yield from _variable(step.line, name, asked)
    for name, type_name in [*words.capture.items(), *([("preview", words.preview)] if words.preview else [])]:
        yield from _variable(step.line, name, Variable(type=type_name))


def _verified(runbook: Runbook, around: Surroundings) -> Iterator[Problem]:
    for step in runbook.steps:
        words = step.words
        exempt = words.kind in _RECORD_IS_PROOF or (words.kind is Kind.WAIT and not words.recheck)
        if not words.verify and not exempt:
            yield Problem(step.line, f"{step.id}: how does one know that it worked? It has no verify")
        for verify in words.verify:
            yield from _verify(step, verify, around)
        if any(verify.shell for verify in words.verify):
            yield from _covered(runbook, step, Use.VERIFY)


def _verify(step: Step, verify: Verify, around: Surroundings) -> Iterator[Problem]:
    if (
        sum((verify.probe is not None, verify.finding is not None, verify.shell, verify.person is not None))
        != 1
    ):
        yield Problem(
            step.line, f"{step.id}: each verify is exactly one of probe, finding, shell: true and person"
        )
    if verify.probe is not None and verify.probe not in PROBES:
        yield Problem(step.line, f"{step.id}: unknown probe {verify.probe}; one of {', '.join(PROBES)}")
    if verify.finding is not None and verify.finding not in around.check_ids:
        yield Problem(step.line, f"{step.id}: no check is called {verify.finding}")
    if verify.args and verify.probe is None:
        yield Problem(step.line, f"{step.id}: only a probe takes args")
    yield from _duration(step.line, f"{step.id}: verify within", verify.within)


def _covered(runbook: Runbook, step: Step, use: Use) -> Iterator[Problem]:
    """Every tested platform has a block, unless `when` keeps the step from running there."""
    try:
        when = condition.parse(step.words.when) if step.words.when else None
    except condition.BadCondition:
        return  # told by _conditions
    for platform in sorted(set(runbook.front.tested_on) & PLATFORMS):
        release, _, mta = platform.partition("/")
        debian = int(release.removeprefix("debian"))
        facts: dict[str, condition.Scalar] = {"mta": mta, "debian": debian}
        if when is not None and condition.holds(when, facts.get) is False:
            continue
        if step.shell(use, mta, debian) is None:
            yield Problem(
                step.line,
                f"{step.id}: no block {use}={step.id} for {platform}, and no when: that excludes it",
            )


def _commands(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    for step in runbook.steps:
        words = step.words
        if words.kind is Kind.COMMAND:
            yield from _covered(runbook, step, Use.DO)
            if words.preview is not None:
                yield from _covered(runbook, step, Use.PREVIEW)
            yield from _kept_for_undo(runbook, step)
        elif any(block.use in {Use.DO, Use.PREVIEW, Use.CAPTURE} for block in step.shells):
            yield Problem(
                step.line, f"{step.id}: only command steps have step=, preview= and capture= blocks"
            )


def _kept_for_undo(runbook: Runbook, step: Step) -> Iterator[Problem]:
    """What the way back needs is journalled before anything is changed, or a crash in between loses it."""
    kept = {name for block in step.shells if block.use is Use.UNDO for name in shell.names(block.text)}
    if kept & set(step.words.capture):
        yield from _covered(runbook, step, Use.CAPTURE)
    elif any(block.use is Use.CAPTURE for block in step.shells) and not step.words.capture:
        yield Problem(step.line, f"{step.id}: a capture= block, but capture: declares nothing")


def _danger(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    by_id = {step.id: step for step in runbook.steps}
    for step in runbook.steps:
        words = step.words
        if words.danger is Danger.REVERSIBLE and words.kind is Kind.COMMAND:
            yield from _covered(runbook, step, Use.UNDO)
        elif words.danger is Danger.REVERSIBLE and words.undo is None:
            yield Problem(step.line, f"{step.id}: reversible, but it has no undo")
        if words.temporary is not None and words.danger is not Danger.REVERSIBLE:
            yield Problem(step.line, f"{step.id}: temporary measures are danger: reversible")
        if words.danger is Danger.DESTRUCTIVE:
            yield from _destructive(step, by_id)
        if (
            words.of is not None
            and words.of in by_id
            and by_id[words.of].words.danger is not Danger.REVERSIBLE
        ):
            yield Problem(step.line, f"{step.id}: undoes {words.of}, which is not danger: reversible")


def _destructive(step: Step, by_id: dict[str, Step]) -> Iterator[Problem]:
    if not any(by_id[name].words.kind is Kind.EVIDENCE for name in step.words.needs if name in by_id):
        yield Problem(step.line, f"{step.id}: destructive, but needs: names no evidence step")
    if step.words.approve is None:
        yield Problem(step.line, f"{step.id}: destructive, but nobody approves it")
    if step.words.kind is Kind.COMMAND and step.words.preview is None:
        yield Problem(step.line, f"{step.id}: destructive, but it has no preview of what it will act on")


def _conditions(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
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


def _shell_blocks(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    known = set(FACTS) | set(BUILTINS) | set(runbook.front.vars)
    for step in runbook.steps:
        known |= set(step.words.ask)
        for block in step.shells:
            first = any(one.use is Use.CAPTURE for one in step.shells)
            later = {Use.UNDO, Use.VERIFY} | ({Use.DO} if first else set())
            yield from _shell_block(block, known | (set(step.words.capture) if block.use in later else set()))
        known |= set(step.words.capture)


def _shell_block(block: Shell, known: Iterable[str]) -> Iterator[Problem]:
    for number, why in shell.unsafe(block.text):
        yield Problem(block.line + 1 + number, why)
    for number, name in shell.quoted_placeholders(block.text):
        yield Problem(block.line + 1 + number, f"{{{{ {name} }}}} stands inside quotes: close them before it")
    for name in sorted(shell.names(block.text) - set(known)):
        yield Problem(block.line, f"{{{{ {name} }}}} is not known at this step")
    complaint = shell.syntax_error(block.text)
    if complaint is not None:
        yield Problem(block.line, complaint)


_RULES: Final[tuple[Rule, ...]] = (
    _front, _identity, _references, _kinds, _verified, _commands, _danger, _conditions, _shell_blocks,
)  # fmt: skip


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
