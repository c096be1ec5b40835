"""The person in front of the engine, or the file of answers that stands for one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from auditor.runbook.display import escaped
from auditor.runbook.format import Variable
from auditor.runbook.values import NotThatType, check, seconds

_TRIES: Final = 5


class NoAnswer(Exception):
    """A question that nobody is there to answer. `key` is its place in an answers file."""

    def __init__(self, key: str, question: str) -> None:
        super().__init__(f"{key}: {question}")
        self.key, self.question = key, question


class Operator(Protocol):
    """Whoever is asked. Every question has a key: the step's id and what is asked, such as `cable.port`."""

    def say(self, text: str) -> None:
        """Show something. The text is already safe for a terminal."""
        ...

    def answer(self, key: str, question: str, default: str | None) -> str:
        """One line of text; raises NoAnswer."""
        ...


class Scripted:
    """Answers from a file: `{step: {what: answer}}`, with `"*"` for what every step may be asked."""

    def __init__(self, answers: Mapping[str, Any], say: Callable[[str], None]) -> None:
        self._answers = dict(_flat(answers))
        self.say = say
        self.asked: list[str] = []

    def answer(self, key: str, question: str, default: str | None) -> str:
        """The scripted answer, the one under `*`, or the default; raises NoAnswer."""
        self.asked.append(key)
        for place in (key, "*." + key.partition(".")[2]):
            if place in self._answers:
                return self._answers[place]
        if default is None:
            raise NoAnswer(key, question)
        return default


def _flat(answers: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in answers.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif isinstance(value, bool):
            yield f"{before}{key}", "yes" if value else "no"
        else:
            yield f"{before}{key}", "" if value is None else str(value)


class Questions:
    """Typed questions to an operator, asked again until the answer fits (a script is not asked again)."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def typed(self, key: str, question: str, variable: Variable, default: str | None = None) -> str:
        """An answer of the variable's type and within its bounds; "" only where it is not required."""
        default = (
            default
            if default is not None
            else (str(variable.default) if variable.default is not None else None)
        )
        if default is None and not variable.required:
            default = ""
        for _ in range(_TRIES):
            text = self.operator.answer(key, question, default).strip()
            if not text and not variable.required:
                return ""
            try:
                return fitting(variable, text)
            except NotThatType as error:
                self.operator.say(f"  {error}")
                if isinstance(self.operator, Scripted):
                    break
        raise NoAnswer(key, f"{question} (no answer that fits)")

    def text(self, key: str, question: str) -> str:
        """One line that is not empty."""
        return self.typed(key, question, Variable(type="line", required=True))

    def yes(self, key: str, question: str) -> bool:
        """Yes or no; there is no default, because a key that was leaned on must not be consent."""
        return self.typed(key, f"{question} [yes/no]", Variable(type="bool", required=True)) == "yes"

    def one_of(self, key: str, question: str, options: Mapping[str, str]) -> str:
        """The name of one option."""
        for name, meaning in options.items():
            self.operator.say(f"  {escaped(name)}" + (f" - {escaped(meaning)}" if meaning else ""))
        variable = Variable(type="choice", choices=tuple(options), required=True)
        return self.typed(key, question, variable)


def fitting(variable: Variable, text: str) -> str:
    """The canonical value; raises NotThatType when type, choices or bounds do not allow it."""
    value = check(variable.type, text)
    if variable.choices and value not in variable.choices:
        raise NotThatType(f"one of {', '.join(variable.choices)} is needed")
    if variable.type in {"int", "port", "duration"}:
        measure = seconds if variable.type == "duration" else int
        if variable.min is not None and measure(value) < measure(str(variable.min)):
            raise NotThatType(f"at least {variable.min} is needed")
        if variable.max is not None and measure(value) > measure(str(variable.max)):
            raise NotThatType(f"at most {variable.max} is allowed")
    return value
