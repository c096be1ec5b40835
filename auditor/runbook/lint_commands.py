"""Rules on what is run: a block for every platform, a way back, consent where there is none, and a proof that it worked."""

from collections.abc import Iterator
from typing import Final

from auditor.runbook import condition, shell
from auditor.runbook.format import Danger, Kind, Runbook, Step, Use, Verify
from auditor.runbook.lint_words import Surroundings, duration
from auditor.runbook.parse import Problem
from auditor.runbook.vocabulary import PLATFORMS, PROBES, QUEUE_SETS

_RECORD_IS_PROOF: Final = frozenset({Kind.DECISION, Kind.APPROVE, Kind.COMMS, Kind.EVIDENCE})


def verified(runbook: Runbook, around: Surroundings) -> Iterator[Problem]:
    """Every step that does something says how one knows that it worked."""
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
    if verify.finding is not None and around.lacks_check(verify.finding):
        yield Problem(step.line, f"{step.id}: no check is called {verify.finding}")
    if verify.args and verify.probe is None:
        yield Problem(step.line, f"{step.id}: only a probe takes args")
    yield from duration(step.line, f"{step.id}: verify within", verify.within)


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


def commands(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    """Blocks where they belong, one for each platform."""
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


def danger(runbook: Runbook, _around: Surroundings) -> Iterator[Problem]:
    """What changes a host can be taken back, or is agreed to."""
    by_id = {step.id: step for step in runbook.steps}
    for step in runbook.steps:
        words = step.words
        if words.danger is Danger.REVERSIBLE and words.kind is Kind.COMMAND:
            yield from _covered(runbook, step, Use.UNDO)
        elif words.danger is Danger.REVERSIBLE and words.undo is None:
            yield Problem(step.line, f"{step.id}: reversible, but it has no undo")
        if words.temporary is not None and words.danger is not Danger.REVERSIBLE:
            yield Problem(step.line, f"{step.id}: temporary measures are danger: reversible")
        elif words.temporary is not None and not _ended(step, runbook):
            yield Problem(step.line, f"{step.id}: temporary, but no later step of kind undo takes it away")
        if words.danger is Danger.DESTRUCTIVE:
            yield from _destructive(step, by_id)
        if (
            words.of is not None
            and words.of in by_id
            and by_id[words.of].words.danger is not Danger.REVERSIBLE
        ):
            yield Problem(step.line, f"{step.id}: undoes {words.of}, which is not danger: reversible")


def _ended(step: Step, runbook: Runbook) -> bool:
    """Whether the measure is taken away later on; two levels of one playbook have one way back."""
    later = runbook.steps[runbook.steps.index(step) + 1 :]
    same = {
        other.id
        for other in runbook.steps
        if other is step or (step.words.undo is not None and other.words.undo == step.words.undo)
    }
    return any(other.words.of in same for other in later)


def _destructive(step: Step, by_id: dict[str, Step]) -> Iterator[Problem]:
    needed = [by_id[name].words for name in (*step.words.needs, *step.words.gate) if name in by_id]
    copied = {words.set for words in needed if words.kind is Kind.EVIDENCE}
    if not copied:
        yield Problem(step.line, f"{step.id}: destructive, but needs: names no evidence step")
    elif step.words.preview == "queue-id" and not copied & QUEUE_SETS:
        yield Problem(
            step.line,
            f"{step.id}: deletes queued mail, of which {', '.join(sorted(map(str, copied)))} is no copy",
        )
    if step.words.approve is None or step.words.approve.if_refused:
        yield Problem(step.line, f"{step.id}: destructive, but nobody approves it")
    if step.words.kind is Kind.COMMAND and step.words.preview is None:
        yield Problem(step.line, f"{step.id}: destructive, but it has no preview of what it will act on")
