"""Read a runbook: Markdown that any viewer renders, with the data of its steps in fenced blocks.

Only the file's own text is read here; whether it makes sense as a whole is the business of auditor.runbook.lint.
Every complaint names its line.
"""

import hashlib
import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from auditor.runbook.format import Front, Phase, Runbook, Shell, Step, StepWords, Use
from auditor.runbook.vocabulary import MTAS

T = TypeVar("T")

_LARGEST: Final = 400_000
_WARNING: Final = re.compile(r"^\[!(WARNING|CAUTION|IMPORTANT|NOTE|TIP)\]\s*", re.IGNORECASE)


class Problem(msgspec.Struct, frozen=True, order=True):
    """One complaint about a runbook, as `file:line: text`."""

    line: int
    text: str


class Malformed(ValueError):
    """A file that is not a runbook; `problems` says where and why, all of them at once."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems))
        super().__init__("; ".join(f"{path.name}:{found.line}: {found.text}" for found in self.problems))


class _StrictLoader(yaml.SafeLoader):
    """YAML without its two silent traps: repeated keys, and yes/no/on/off keys that become booleans."""


def _strict_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, object]:
    seen: set[Hashable] = set()
    for key_node, _value in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, bool):
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f"the key {key_node.value} is a boolean in YAML 1.1: write it in quotes",
                key_node.start_mark,
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key} is given twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _strict_mapping)


def strict_yaml(text: str, line: int) -> object:
    """YAML as data; raises Malformed's Problem text through ValueError with the line in the file."""
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader with two more refusals
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = line + (mark.line if mark is not None else 0)
        raise _At(where, getattr(error, "problem", None) or "this is not YAML") from None


class _At(ValueError):
    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def _convert(data: object, wanted: type[T], line: int) -> T:
    try:
        return msgspec.convert(data, wanted, strict=True)
    except msgspec.ValidationError as error:
        raise _At(line, str(error)) from None


def _front(text: str) -> tuple[Front, str, int]:
    """Front matter, the rest, and the number of lines before the rest."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---" or "---" not in [line.rstrip() for line in lines[1:]]:
        raise _At(1, "front matter between two lines of --- is missing")
    end = [line.rstrip() for line in lines[1:]].index("---") + 1
    front = _convert(strict_yaml("\n".join(lines[1:end]), 2), Front, 1)
    return front, "\n".join(lines[end + 1 :]), end + 1


def _attributes(info: str, line: int) -> dict[str, str]:
    inside = re.search(r"\{([^}]*)\}", info)
    found: dict[str, str] = {}
    for part in (inside[1] if inside else "").replace(",", " ").split():
        key, equals, value = part.partition("=")
        if not equals or not value or key in found:
            raise _At(line, f"cannot read {part!r} in the block's {{…}}: write key=value, each key once")
        found[key] = value
    return found


def _shell(token: Token, line: int) -> Shell:
    attributes = _attributes(token.info, line)
    uses = [use for use in Use if use.value in attributes]
    if len(uses) != 1:
        raise _At(
            line, "a sh block names its step by exactly one of step=, undo=, verify=, preview= and capture="
        )
    mtas = tuple(mta for mta in attributes.pop("mta", "any").split("|") if mta != "any")
    debian = attributes.pop("debian", None)
    step = attributes.pop(uses[0].value)
    if attributes:
        raise _At(line, f"unknown attribute of a sh block: {', '.join(attributes)}")
    if set(mtas) - set(MTAS):
        raise _At(line, f"unknown mail program in mta=: {', '.join(sorted(set(mtas) - set(MTAS)))}")
    if debian not in {None, "12", "13"}:
        raise _At(line, f"debian={debian}: only 12 and 13 are known")
    return Shell(
        use=uses[0],
        step=step,
        mtas=mtas,
        debian=int(debian) if debian else None,
        text=token.content,
        line=line,
    )


class _Section:
    """What stands under one heading until the next."""

    def __init__(self, level: int, title: str, line: int) -> None:
        self.level, self.title, self.line = level, title, line
        self.prose: list[str] = []
        self.warnings: list[str] = []
        self.boxes: list[str] = []
        self.words: tuple[StepWords, int] | None = None
        self.shells: list[Shell] = []


def _sections(body: str, offset: int, problems: list[Problem]) -> list[_Section]:
    lines = body.split("\n")
    tokens = MarkdownIt("commonmark").parse(body)
    sections = [_Section(0, "", offset)]
    depth_quote = depth_item = 0
    for index, token in enumerate(tokens):
        here = sections[-1]
        line = offset + (token.map[0] if token.map else 0) + 1
        match token.type:
            case "heading_open":
                sections.append(_Section(int(token.tag[1]), tokens[index + 1].content.strip(), line))
            case "fence":
                try:
                    _fence(token, line, here, lines)
                except _At as error:
                    problems.append(Problem(error.line, str(error)))
            case "blockquote_open" | "blockquote_close":
                depth_quote += token.nesting
            case "list_item_open" | "list_item_close":
                depth_item += token.nesting
            case "inline" if tokens[index - 1].type != "heading_open":
                _words(token.content, here, quoted=depth_quote > 0, listed=depth_item > 0)
            case "code_block" | "html_block":
                here.prose.append(token.content.rstrip())
    return sections


def _words(content: str, section: _Section, *, quoted: bool, listed: bool) -> None:
    if quoted:
        section.warnings.append(_WARNING.sub("", content).strip())
    elif listed and re.match(r"\[[ xX]\] ", content):
        section.boxes.append(content[4:].strip())
    else:
        section.prose.append(("- " if listed else "") + content.strip())


def _fence(token: Token, line: int, section: _Section, lines: list[str]) -> None:
    words = token.info.split()
    if token.map is not None and not lines[token.map[1] - 1].lstrip().startswith(token.markup[:3]):
        raise _At(line, "this block is never closed")
    if words[:2] == ["yaml", "step"]:
        if section.words is not None:
            raise _At(line, "a heading holds one step: give the second its own ###")
        section.words = (_convert(strict_yaml(token.content, line + 1), StepWords, line), line)
    elif words and words[0].partition("{")[0] in {"sh", "bash", "shell"} and "{" in token.info:
        section.shells.append(_shell(token, line))
    else:
        section.prose.append("\n".join("    " + text for text in token.content.splitlines()))


def _phases(sections: list[_Section], front: Front, problems: list[Problem]) -> list[Phase]:
    blocks = [block for section in sections for block in section.shells]
    phases: list[Phase] = []
    title, prose, steps = "", "", list[Step]()

    def close() -> None:
        if title:
            phases.append(Phase(title=title, prose=prose, steps=tuple(steps)))

    for section in sections:
        if section.level == 2:
            close()
            title, prose, steps = section.title, "\n\n".join(section.prose), []
        if section.words is not None:
            words, line = section.words
            if not title or section.level != 3:
                problems.append(
                    Problem(line, f"step {words.id} stands under no ### heading inside a ## phase")
                )
            steps.append(
                Step(
                    words=words,
                    title=section.title,
                    phase=title,
                    runbook=front.runbook,
                    prose="\n\n".join(section.prose),
                    warnings=tuple(section.warnings),
                    boxes=tuple(section.boxes),
                    shells=tuple(block for block in blocks if block.step == words.id),
                    line=line,
                )
            )
    close()
    return phases


def parse(text: str, path: Path) -> Runbook:
    """The runbook in the text; raises Malformed with every complaint at once."""
    if len(text) > _LARGEST:
        raise Malformed(path, [Problem(1, f"longer than {_LARGEST} characters")])
    problems: list[Problem] = []
    try:
        front, body, offset = _front(text)
    except _At as error:
        raise Malformed(path, [Problem(error.line, str(error))]) from None
    sections = _sections(body, offset, problems)
    phases = _phases(sections, front, problems)
    if problems:
        raise Malformed(path, problems)
    return Runbook(
        front=front,
        path=path,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        intro="\n\n".join(part for section in sections if section.level <= 1 for part in section.prose),
        phases=tuple(phases),
        shells=tuple(block for section in sections for block in section.shells),
    )


def read(path: Path) -> Runbook:
    """The runbook in a file; raises Malformed, also when it is not UTF-8 or cannot be read."""
    try:
        return parse(path.read_text("utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise Malformed(path, [Problem(1, f"cannot be read: {error}")]) from None
