"""What each `auditor runbook` command does."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from auditor import data
from auditor.cli._exits import Exit
from auditor.cli._following import refusing, runbook_folder
from auditor.cli._operator import say
from auditor.registry import check_ids
from auditor.runbook import library
from auditor.runbook.book import collect
from auditor.runbook.desk import heading
from auditor.runbook.display import escaped
from auditor.runbook.format import Step, Use
from auditor.runbook.lint import Surroundings, lint
from auditor.runbook.lint_messages import lint_messages
from auditor.runbook.lint_translation import is_translation, lint_translation
from auditor.runbook.parse import Malformed, Problem, read
from auditor.runbook.vocabulary import EVIDENCE_SETS, FACTS, MESSAGES, PROBES


def listing(as_json: bool) -> int:
    """`auditor runbook list`."""
    with refusing():
        found = list(library.every(runbook_folder()))
    if as_json:
        rows = [
            {
                "runbook": one.id,
                "title": one.front.title,
                "severity": one.front.severity,
                "findings": list(one.front.findings),
            }
            for one in found
        ]
        print(json.dumps(rows, indent=1))
        return Exit.CLEAN
    for one in found:
        say(f"{one.id:24} {escaped(one.front.title)}", sys.stdout)
    return Exit.CLEAN


def show(name: str, mta: str | None, debian: str | None, *, paper: bool) -> int:
    """`auditor runbook show` and `print`, with the frame around the runbook."""
    with refusing():
        book = collect([name], runbook_folder())
    runbook = book.runbooks[name]
    say(runbook.front.title.upper(), sys.stdout)
    if paper:
        say("\nIncident ____________________  Host ____________________  Date ____________\n", sys.stdout)
    for paragraph in runbook.intro.split("\n\n"):
        say(f"\n{escaped(' '.join(paragraph.split()))}", sys.stdout)
    minutes = sum(step.words.minutes for step in book.steps)
    say(f"\nAbout {minutes} minutes for one trained person on one host, waiting aside.", sys.stdout)
    number = 0
    for phase in book.phases:
        say(f"\n== {escaped(phase.title)} ==", sys.stdout)
        for step in phase.steps:
            number += 1
            for line in _step(step, number, mta, int(debian) if debian else None, paper=paper):
                say(line, sys.stdout)
    return Exit.CLEAN


def _step(step: Step, number: int, mta: str | None, debian: int | None, *, paper: bool) -> Iterator[str]:
    yield f"\n{number}. {'[ ] ' if paper else ''}{heading(step)}"
    if step.words.when:
        yield f"   only when: {escaped(step.words.when)}"
    for paragraph in step.prose.split("\n\n"):
        if paragraph.strip():
            yield f"   {escaped(' '.join(paragraph.split()))}"
    for warning in step.warnings:
        yield f"   WARNING: {escaped(' '.join(warning.split()))}"
    for box in step.boxes:
        yield f"   [ ] {escaped(' '.join(box.split()))}"
    yield from _commands(step, mta, debian)
    if step.words.question:
        yield f"   {escaped(step.words.question)} {' / '.join(map(escaped, step.words.options))}"
    for one in step.words.verify:
        yield f"   verify: {escaped(one.person or one.name())}"
    if paper:
        yield from _blanks(step)


def _blanks(step: Step) -> Iterator[str]:
    for name, asked in step.questions().items():
        yield f"   {escaped(asked.help or name.replace('_', ' '))}"
        yield "     ________________________________________________________________________"
    if step.words.approve:
        yield f"   agreed as {step.words.approve.role.upper()}: ____________________"
    yield "   begun ________ ended ________ by ____________ result ____________"


def _commands(step: Step, mta: str | None, debian: int | None) -> Iterator[str]:
    for use in (Use.CAPTURE, Use.PREVIEW, Use.DO, Use.VERIFY, Use.UNDO):
        blocks = [block for block in step.shells if block.use is use]
        if mta is not None:
            one = step.shell(use, mta, debian)
            blocks = [one] if one is not None else []
        for block in blocks:
            where = " ".join(
                filter(None, [", ".join(block.mtas), f"Debian {block.debian}" if block.debian else ""])
            )
            yield f"   {use.value}{f' ({where})' if where else ''}:"
            yield from (f"       {escaped(line)}" for line in block.text.splitlines())
    if step.words.play:
        name = step.words.play.removesuffix(".yml")
        extra = " ".join(f"-e {key}={value}" for key, value in step.words.args.items())
        yield f"       ansible-playbook -i INVENTORY playbooks/{name}.yml -l HOST {escaped(extra)}".rstrip()


def words() -> int:
    """`auditor runbook lint --vocabulary`."""
    for title, known in (
        ("Probes", PROBES),
        ("Evidence sets", EVIDENCE_SETS),
        ("Messages", MESSAGES),
        ("Facts", FACTS),
    ):
        say(f"{title}:", sys.stdout)
        for name, meaning in known.items():
            say(f"  {name:28} {meaning}", sys.stdout)
    return Exit.CLEAN


def _problems(path: Path, playbooks: frozenset[str]) -> Sequence[Problem]:
    try:
        if is_translation(path):
            return lint_translation(path)
        around = Surroundings(runbooks=library.names(path.parent), playbooks=playbooks, checks=check_ids())
        return lint(read(path), around)
    except Malformed as error:
        return error.problems
    except (library.NoSuchRunbook, OSError, UnicodeError) as error:
        return [Problem(1, str(error))]


def check(files: tuple[Path, ...]) -> int:
    """`auditor runbook lint`."""
    with refusing():
        folder = runbook_folder()
        paths = list(files) or [*library.paths(folder), *filter(is_translation, sorted(folder.glob("*.md")))]
        playbooks = frozenset(path.stem for path in data.directory("playbooks").glob("*.yml"))
    worst = Exit.CLEAN
    for path in paths:
        for problem in _problems(path, playbooks):
            print(escaped(f"{path}:{problem.line}: {problem.text}"))
            worst = Exit.FINDINGS
    if not files:
        for complaint in lint_messages(folder / "templates"):
            print(escaped(complaint))
            worst = Exit.FINDINGS
    return worst
