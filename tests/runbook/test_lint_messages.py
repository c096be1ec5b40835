"""The messages to people: four languages, the same fields, no address, no promise; each rule is seen to fail."""

import pytest

from auditor.runbook.lint_messages import lint_messages
from auditor.runbook.vocabulary import LANGUAGES, MESSAGES

GOOD = "Subject: {{ incident_id }}\n\nIt began {{ since }}.\n"


@pytest.fixture
def templates(tmp_path):
    for name in MESSAGES:
        for language in LANGUAGES:
            (tmp_path / f"{name}.{language}.md").write_text(GOOD)
    return tmp_path


def test_messages_that_keep_every_rule_are_taken(templates):
    assert list(lint_messages(templates)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.removeprefix("Subject: "), "COM-1.sv.md:1: begins with Subject:"),
        (GOOD.replace("\n\n", "\n"), "COM-1.sv.md:2: an empty line and a text follow the subject"),
        ("Subject: {{ incident_id }}\n\n", "COM-1.sv.md:2: an empty line and a text follow the subject"),
        (GOOD + "{{ colour }}\n", "COM-1.sv.md:4: unknown field colour"),
        (GOOD + "{{ Since }}\n", "COM-1.sv.md:4: a field is written {{ name }}, and this is none"),
        (GOOD + "{{ since }\n", "COM-1.sv.md:4: a field is written {{ name }}, and this is none"),
        (GOOD + "Skriv till root@localhost\n", "COM-1.sv.md:4: holds an address"),
        (GOOD + "192.0.2.1\n", "COM-1.sv.md:4: holds an address"),
        (GOOD + "2001:db8::1\n", "COM-1.sv.md:4: holds an address"),
        (GOOD + "Ingenting gick förlorat.\n", "COM-1.sv.md:4: promises what only the accounting can say"),
        (GOOD.replace(" {{ since }}", ""), "COM-1.sv.md: does not hold the same fields as the English text: lacks since"),
        (GOOD + "{{ cause }}\n", "COM-1.sv.md: does not hold the same fields as the English text: has cause besides"),
    ],
)  # fmt: skip
def test_a_broken_message_is_told_with_its_file(templates, text, words):
    (templates / "COM-1.sv.md").write_text(text)
    told = list(lint_messages(templates))
    assert any(one.startswith(f"{templates}/") and words in one for one in told), told


def test_a_language_that_is_missing_is_told(templates):
    (templates / "COM-4b.it.md").unlink()
    assert list(lint_messages(templates)) == [f"{templates}/COM-4b.it.md: is missing"]


@pytest.mark.parametrize("stray", ["COM-99.en.md", "COM-1.de.md"])
def test_a_file_that_nothing_sends_is_told(templates, stray):
    (templates / stray).write_text(GOOD)
    assert list(lint_messages(templates)) == [
        f"{templates}/{stray}: there is no message or no language of that name"
    ]
