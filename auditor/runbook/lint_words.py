"""Rules on words: each key where it belongs, and each name one that exists."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from auditor.runbook.format import Kind, Runbook, Step, StepWords, Variable
from auditor.runbook.parse import Problem
from auditor.runbook.values import NotThatType, check, seconds, type_names
from auditor.runbook.vocabulary import BUILTINS, EVIDENCE_SETS, FACTS, MESSAGES, PLATFORMS, ROLES

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
        "each",
    }
)
_KEYS: Final[dict[Kind, frozenset[str]]] = {
    Kind.MANUAL: frozenset({"danger", "undo", "temporary"}),
    Kind.COMMAND: frozenset({"danger", "idempotent", "capture", "preview", "temporary"}),
    Kind.ANSIBLE: frozenset(
        {"danger", "idempotent", "urgent", "play", "args", "undo", "dead_man", "temporary"}
    ),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What exists around a runbook: other runbooks, playbooks and checks, by name (None: not known, so not checked)."""

    runbooks: frozenset[str] | None = None
    playbooks: frozenset[str] | None = None
    checks: frozenset[str] | None = None

    def lacks_check(self, name: str) -> bool:
        """It is known which checks there are, and this is none."""
        return self.checks is not None and name not in self.checks


def front(runbook: Runbook, around: Surroundings) -> Iterator[Problem]:
    """The head of the file."""
    head = runbook.front
    if head.runbook != runbook.path.name.removesuffix(".md"):
        yield Problem(1, f"runbook: {head.runbook} must be the file's name without .md")
    for finding in filter(around.lacks_check, head.findings):
        yield Problem(1, f"findings: no check is called {finding}")
    for role in set(head.roles) - ROLES:
        yield Problem(1, f"roles: unknown role {role}")
    for platform in set(head.tested_on) - PLATFORMS:
        yield Problem(1, f"tested_on: {platform} is not one of {', '.join(sorted(PLATFORMS))}")
    if not head.tested_on and any(step.words.kind is Kind.COMMAND for step in runbook.steps):
        yield Problem(1, "tested_on: name the platforms on which the commands were tried")
    if head.frame is not None and around.runbooks is not None and head.frame not in around.runbooks:
        yield Problem(1, f"frame: there is no runbook {head.frame}")
    for key, length in (("deadline", head.deadline), ("isolate_within", head.isolate_within)):
        yield from duration(1, key, length)
    for name, variable in head.vars.items():
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


def duration(line: int, key: str, text: str | None) -> Iterator[Problem]:
    """A length of time, where one is given."""
    if text is not None:
        try:
            seconds(text)
        except NotThatType as error:
            yield Problem(line, f"{key}: {error}")


def kinds(runbook: Runbook, around: Surroundings) -> Iterator[Problem]:
    """What each kind of step must and may say."""
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
        if words.urgent and not any(one.probe for one in words.verify):
            yield Problem(
                step.line, f"{step.id}: an urgent step is verified by a probe, since it is not rehearsed"
            )
        if words.approve is not None and words.approve.if_refused and not words.urgent:
            yield Problem(
                step.line, f"{step.id}: approve: if_refused is for urgent playbooks; others are rehearsed"
            )
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
        if option.back and option.runbook is None:
            yield Problem(step.line, f"{step.id}: option {name} comes back from a runbook, and names none")
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
    times += [("dead_man", words.dead_man.after)] if words.dead_man else []
    for key, text in times:
        yield from duration(step.line, f"{step.id}: {key}", text)
    for name, asked in step.questions().items():
        yield from _variable(step.line, name, asked)
        if not asked.help:
            yield Problem(step.line, f"{step.id}: ask: {name} has no help: the question as a person reads it")
    for name, type_name in [*words.capture.items(), *([("preview", words.preview)] if words.preview else [])]:
        yield from _variable(step.line, name, Variable(type=type_name))
