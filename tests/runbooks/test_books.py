"""The runbooks and messages as they are shipped: complete, clean, and followed to their end on every platform."""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from auditor.registry import check_ids, load
from auditor.runbook import library
from auditor.runbook.format import Danger, Kind, Use
from auditor.runbook.lint import Surroundings, lint
from auditor.runbook.parse import read
from auditor.runbook.shell import PLACEHOLDER, acts
from auditor.runbook.vocabulary import LANGUAGES, MESSAGE_FIELDS, MESSAGES, PLATFORMS

BOOKS = Path(__file__).parents[2] / "runbooks"
TEMPLATES = BOOKS / "templates"
LAB = Path(__file__).parents[1] / "lab"

NAMES = {
    "frame", "open-relay", "outbound-spam", "host-compromise", "blocklisted", "warning-received", "destination-refuses",
    "flood", "name-resolution", "dependency-down", "silent-failure", "provider-outage", "maintenance-round",
    "storage-loss", "keys", "contacts", "mailbox-takeover",
}  # fmt: skip

PLAYBOOKS = {
    "close-relay", "role-addresses", "authentication-records", "dkim-signing", "submission", "tls", "smtp-hygiene",
    "outbound-limits", "connection-limits", "logging", "supervision", "resolver", "ssh", "firewall", "updates",
    "login-guessing", "backup", "monitoring", "isolate", "hold-outbound", "suspend-account", "preserve-evidence",
    "reroute", "throttle-destination", "patch-round",
}  # fmt: skip


def test_every_runbook_of_the_design_is_there():
    assert library.names(BOOKS) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_runbook_keeps_every_rule_of_the_format(name):
    problems = lint(
        read(BOOKS / f"{name}.md"),
        Surroundings(runbooks=library.names(BOOKS), playbooks=frozenset(PLAYBOOKS), checks=check_ids()),
    )
    assert [f"{problem.line}: {problem.text}" for problem in problems] == []


def test_every_check_of_the_catalogue_stands_in_exactly_one_runbook():
    listed = [(finding, book.id) for book in library.every(BOOKS) for finding in book.front.findings]
    assert sorted(finding for finding, _ in listed) == sorted(check_ids())


@pytest.mark.parametrize("check", load().checks.values(), ids=lambda check: check.id)
def test_a_check_points_to_the_runbook_that_lists_it(check):
    assert check.id in read(BOOKS / f"{check.runbook}.md").front.findings


@pytest.mark.parametrize("path", sorted(BOOKS.glob("[a-z]*.md")), ids=lambda path: path.stem)
def test_prose_is_narrow_enough_to_read_on_a_console(path):
    code, wide = False, []
    for line in path.read_text("utf-8").splitlines():
        code ^= line.startswith("```")
        if not code and len(line) > 110:
            wide.append(line)
    assert wide == []


@pytest.mark.parametrize("path", sorted(BOOKS.glob("[a-z]*.md")), ids=lambda path: path.stem)
def test_any_viewer_shows_the_step_data_as_code_and_the_steps_as_headings(path):
    body = path.read_text("utf-8").split("---\n", 2)[2]
    html = MarkdownIt("commonmark").enable("table").render(body)
    assert html.count("<h1>") == 1
    assert html.count('<code class="language-yaml">') == len(read(path).steps)
    assert "kind:" not in re.sub(r"<pre>.*?</pre>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize("name", sorted(NAMES - {"frame"}))
def test_a_runbook_says_when_to_use_it_what_it_needs_and_how_long_it_takes(name):
    intro = read(BOOKS / f"{name}.md").intro
    assert [lead for lead in ("**Use it when**", "**You need**", "**It takes**") if lead not in intro] == []


@pytest.mark.parametrize("name", sorted(NAMES - {"frame"}))
def test_nothing_that_is_undone_after_a_while_stays_without_a_step_that_undoes_it(name):
    steps = read(BOOKS / f"{name}.md").steps
    temporary = {step.id for step in steps if step.words.temporary is not None}
    undone = {step.words.of for step in steps if step.words.of is not None}
    by_playbook = {
        step.id
        for step in steps
        if step.words.undo is not None
        and any(other.words.undo == step.words.undo and other.id in undone for other in steps)
    }
    assert temporary - undone - by_playbook == set()


ONE_WAY = {
    ("keys", "load"): "test_books", ("maintenance-round", "patch"): "test_books",
    ("name-resolution", "drain"): "test_books", ("open-relay", "adopt"): "test_books",
    ("open-relay", "purge"): "test_replay_002", ("open-relay", "release"): "test_books",
    ("outbound-spam", "end-sessions"): "test_facts", ("outbound-spam", "purge"): "test_replay_000",
    ("silent-failure", "helper"): "test_replay_004", ("silent-failure", "restart"): "test_books",
    ("silent-failure", "kill-once"): "test_books", ("storage-loss", "drain"): "test_books",
}  # fmt: skip
"""Steps that act and have no way back, and the file that runs them on real hosts; test_actions.py runs all others."""


def test_every_command_that_cannot_be_taken_back_is_run_on_real_hosts_by_name():
    acting = {
        (book.id, step.id)
        for book in library.every(BOOKS)
        for step in book.steps
        if step.words.danger is not Danger.REVERSIBLE
        and any(block.use is Use.DO and list(acts(block.text)) for block in step.shells)
    }
    assert acting == ONE_WAY.keys()
    assert [name for name in ONE_WAY.values() if not (LAB / f"{name}.py").is_file()] == []


@pytest.mark.parametrize("name", sorted(NAMES - {"frame"}))
def test_commands_are_there_for_every_mail_program_of_both_releases(name):
    book = read(BOOKS / f"{name}.md")
    if any(step.words.kind is Kind.COMMAND for step in book.steps):
        assert set(book.front.tested_on) == PLATFORMS


def test_the_blocklist_table_marks_what_nobody_has_tried():
    rows = [
        line for line in (BOOKS / "blocklisted.md").read_text("utf-8").splitlines() if line.startswith("| ")
    ]
    assert len(rows) > 8
    assert [row for row in rows[1:] if not row.endswith(("| read, not tried |", "| not verified |"))] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_a_subject_text_and_the_same_fields_in_every_language(name, language):
    text = (TEMPLATES / f"{name}.{language}.md").read_text("utf-8")
    english = (TEMPLATES / f"{name}.en.md").read_text("utf-8")
    subject, blank, *body = text.splitlines()
    assert subject.startswith("Subject: ")
    assert blank == ""
    assert "\n".join(body).strip()
    assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(english)) <= set(MESSAGE_FIELDS)
    assert text.count("{{") == len(PLACEHOLDER.findall(text))
    assert [line for line in body if len(line) > 110] == []


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("COM-*.md")), ids=lambda path: path.name)
def test_a_message_promises_nothing_and_names_nobody(path):
    text = path.read_text("utf-8").casefold()
    promises = (
        "nothing was lost",
        "no data",
        "guarantee",
        "ingenting gick",
        "garanter",
        "nulla è andato",
        "garanti",
    )
    assert [word for word in promises if word in text] == []
    assert re.findall(r"\d{1,3}(?:\.\d{1,3}){3}|[\w.]+@[\w.]+", text) == []


def test_there_is_no_message_file_without_a_message():
    expected = {f"{name}.{language}.md" for name in MESSAGES for language in LANGUAGES}
    assert {path.name for path in TEMPLATES.glob("COM-*")} == expected
