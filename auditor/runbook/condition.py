"""The little language of `when:`: facts, answers and results of steps, with "not known yet" as a third value.

    mta == 'postfix' and not egress-off.failed
    compromised in ['yes', 'unknown'] or not have_credentials

Names are facts, variables, captures, decisions (their option) and `step.ok|failed|unknown|skipped`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

Scalar = str | int | bool


class BadCondition(ValueError):
    """A condition that cannot be read."""


@dataclass(frozen=True, slots=True)
class Name:
    """A fact, variable or `step.result`."""

    name: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A name compared with constants: equal to one of them, or (negated) to none."""

    name: str
    constants: tuple[Scalar, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    inner: "Expression"


@dataclass(frozen=True, slots=True)
class Both:
    """Conjunction or disjunction of two expressions."""

    left: "Expression"
    right: "Expression"
    either: bool


Expression = Name | Compare | Not | Both
Lookup = Callable[[str], Scalar | None]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>\d+)|(?P<op>==|!=|[()\[\],])|(?P<word>[a-z][\w.-]*))"
)


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    position = 0
    while source[position:].strip():
        found = _TOKEN.match(source, position)
        if found is None:
            raise BadCondition(f"cannot read {source[position:].strip()!r}")
        position = found.end()
        kind = found.lastgroup or ""
        yield kind, found[kind]


class _Reader:
    def __init__(self, source: str) -> None:
        self.tokens = list(_tokens(source))
        self.at = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "the end")

    def take(self, *wanted: str) -> bool:
        if self.peek()[1] in wanted and self.peek()[0] in {"op", "word"}:
            self.at += 1
            return True
        return False

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            raise BadCondition(f"{wanted!r} expected before {self.peek()[1]!r}")

    def disjunction(self) -> Expression:
        left = self.conjunction()
        while self.take("or"):
            left = Both(left, self.conjunction(), either=True)
        return left

    def conjunction(self) -> Expression:
        left = self.negation()
        while self.take("and"):
            left = Both(left, self.negation(), either=False)
        return left

    def negation(self) -> Expression:
        if self.take("not"):
            return Not(self.negation())
        if self.take("("):
            inner = self.disjunction()
            self.need(")")
            return inner
        return self.comparison()

    def comparison(self) -> Expression:
        kind, word = self.peek()
        if kind != "word" or word in {"and", "or", "not", "in"}:
            raise BadCondition(f"a name expected before {word!r}")
        self.at += 1
        if self.take("=="):
            return Compare(word, (self.constant(),), negated=False)
        if self.take("!="):
            return Compare(word, (self.constant(),), negated=True)
        negated = self.take("not")
        if self.take("in"):
            return Compare(word, self.constants(), negated=negated)
        if negated:
            raise BadCondition("'in' expected after 'not'")
        return Name(word)

    def constants(self) -> tuple[Scalar, ...]:
        self.need("[")
        found = [self.constant()]
        while self.take(","):
            found.append(self.constant())
        self.need("]")
        return tuple(found)

    def constant(self) -> Scalar:
        kind, word = self.peek()
        self.at += 1
        if kind == "text":
            return word[1:-1]
        if kind == "number":
            return int(word)
        if kind == "word" and word in {"true", "false"}:
            return word == "true"
        raise BadCondition(f"a constant expected, not {word!r}")


def parse(source: str) -> Expression:
    """The expression; raises BadCondition with the place that cannot be read."""
    reader = _Reader(source)
    expression = reader.disjunction()
    if reader.peek()[0] != "end":
        raise BadCondition(f"nothing expected after the condition, found {reader.peek()[1]!r}")
    return expression


def names(expression: Expression) -> frozenset[str]:
    """Every name the expression asks for."""
    match expression:
        case Name(name) | Compare(name):
            return frozenset({name})
        case Not(inner):
            return names(inner)
        case Both(left, right):
            return names(left) | names(right)


def holds(expression: Expression, lookup: Lookup) -> bool | None:
    """Kleene's three values: None when it depends on something that is not known."""
    match expression:
        case Name(name):
            value = lookup(name)
            return None if value is None else value not in {"", "no", "false", 0}
        case Compare(name, constants, negated):
            value = lookup(name)
            if value is None:
                return None
            return (str(value) in {str(constant) for constant in constants}) is not negated
        case Not(inner):
            value = holds(inner, lookup)
            return None if value is None else not value
        case Both(left, right, either):
            first, second = holds(left, lookup), holds(right, lookup)
            if either in {first, second}:
                return either
            return None if None in {first, second} else not either
