"""Two people at one incident: one follows, the other writes into a journal of their own, and neither can rewrite the past."""

import json

import pytest
import yaml
from click.testing import CliRunner

from auditor.cli import _following, auditor
from auditor.runbook import export
from auditor.runbook.beside import Beside, merged
from auditor.runbook.book import collect, key
from auditor.runbook.consent import approve_beside
from auditor.runbook.desk import Desk, NotPossible
from auditor.runbook.journal import NAME, Author
from auditor.runbook.operator import Questions, Scripted
from auditor.runbook.proof import flaws
from auditor.runbook.state import Progress
from tests.runbook.fake_world import EVERYTHING, Site, runbook, step

BO = Author(actor="Bo Ek", role="ic", src="test")
COPY = step("copy", "kind: evidence\nrole: ops\nset: configuration")
PURGE = step(
    "purge",
    "kind: command\nrole: ops\ndanger: destructive\nneeds: [copy]\napprove: {role: ic, two_person: required}\n"
    "preview: queue-id\nverify:\n  - shell: true",
    ("preview", "cat queue"),
    ("step", "cat > removed"),
    ("verify", "test -e removed"),
)


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path, runbook(COPY, PURGE))
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    return site


def beside(site):
    return Beside(site.folder, site.world.clock, BO)


def note(incident, text):
    incident.record("note", data={"kind": "finding", "text": text})


def test_what_two_people_write_becomes_one_timeline_in_the_order_in_which_each_saw_the_other(site):
    with site.incident() as anna, beside(site) as bo:
        note(anna, "first")
        site.world.clock.offset = -3600  # an hour back: no time is asked for the order
        note(bo, "second")
        note(bo, "third")
        note(anna, "fourth")
    assert [entry.data["text"] for _journal, entry in merged(site.folder) if entry.kind == "note"] == [
        "first", "second", "third", "fourth",
    ]  # fmt: skip
    assert flaws(site.folder) == []
    book = collect(["test"], site.books)
    text = export.render(site.folder, book, "md", retrospective=False, clear=True)
    assert "| bo-ek:2 | " in text
    assert "finding: third" in export.render(site.folder, book, "md", retrospective=True, clear=True).replace(
        "- finding", "finding"
    )
    assert {line["journal"] for line in json.loads(
        export.render(site.folder, book, "json", retrospective=False, clear=True)
    )["lines"]} == {"", "journal-bo-ek.jsonl"}  # fmt: skip


def changed(path, what):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(what(lines)))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (lambda lines: [lines[0].replace(b"one", b"two"), *lines[1:]], "journal-bo-ek.jsonl: line 1 was changed"),
        (lambda lines: lines[1:], "journal-bo-ek.jsonl: line 1 holds entry 2"),
        (lambda lines: [lines[1], lines[0]], "journal-bo-ek.jsonl: line 1 holds entry 2"),
        (lambda lines: lines[:1], "journal-bo-ek.jsonl: the journal ends at line 1, but line 2 was anchored"),
    ],
    ids=["changed", "removed", "swapped", "cut"],
)  # fmt: skip
def test_whatever_becomes_of_the_other_journal_is_named(site, what, told):
    with site.incident() as anna, beside(site) as bo:
        note(bo, "one")
        note(bo, "more")
        note(anna, "seen")
    changed(site.folder / "journal-bo-ek.jsonl", what)
    assert told in flaws(site.folder)[0].text


def test_a_journal_that_vanished_and_one_that_names_nothing_are_named(site):
    with site.incident() as anna, beside(site) as bo:
        note(bo, "one")
        note(anna, "seen")
    path = site.folder / "journal-bo-ek.jsonl"
    path.rename(site.folder / "elsewhere")
    assert [flaw.text for flaw in flaws(site.folder)] == [
        "journal-bo-ek.jsonl is missing: the journal noted its head"
    ]
    (site.folder / "elsewhere").rename(path)
    changed(path, lambda lines: [lines[0].replace(b'"main":"', b'"nain":"')])
    assert "names no line of the journal" in " ".join(flaw.text for flaw in flaws(site.folder))


def test_the_main_journal_cannot_be_cut_behind_what_the_other_one_saw(site):
    with site.incident() as anna, beside(site) as bo:
        note(anna, "will vanish")
        note(bo, "I saw it")
    changed(site.folder / NAME, lambda lines: lines[:-1])
    assert "its tail was cut in journal-bo-ek.jsonl, line 1" in flaws(site.folder)[0].text


def approving(site, incident, answers):
    return Desk(
        incident, collect(["test"], site.books), site.world, Questions(Scripted(answers, site.said.append))
    )


def test_a_second_person_agrees_from_their_own_keyboard(site):
    refusing = {**EVERYTHING, "purge": {"approve": {"agreed": False}}}
    site.answers = refusing
    assert site.next() == ("copy", Progress.OK)
    with pytest.raises(NotPossible, match="does not agree"):
        site.next()
    with site.incident() as anna, beside(site) as bo:
        desk = approving(site, bo, EVERYTHING)
        purge = desk.book.find("purge")
        with pytest.raises(NotPossible, match="does not agree"):
            approve_beside(approving(site, bo, refusing), purge, None)
        approve_beside(desk, purge, bo.state.previews[key(purge)])
        assert anna.state.approvals == ()
    assert site.next() == ("purge", Progress.OK)
    (given,) = site.state.approvals
    assert given.by == "Bo Ek"
    assert (site.host / "removed").read_text() == "3F2A1B4C5D\n"


def test_agreeing_with_oneself_in_another_journal_is_no_second_person(site):
    site.answers = {**EVERYTHING, "purge": {"approve": {"agreed": False}}}
    site.next()
    with pytest.raises(NotPossible):
        site.next()
    again = Beside(site.folder, site.world.clock, Author(actor="anna", role="ic", src="test"))
    with site.incident(), again as herself:
        desk = approving(site, herself, EVERYTHING)
        purge = desk.book.find("purge")
        approve_beside(desk, purge, herself.state.previews[key(purge)])
    with pytest.raises(NotPossible, match="does not agree"):
        site.next()
    assert not (site.host / "removed").exists()


def test_on_the_command_line_a_note_goes_beside_when_somebody_else_follows(site, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITOR_RUNBOOKS", str(site.books))
    monkeypatch.setenv("AUDITOR_INCIDENTS", str(tmp_path / "incidents"))
    monkeypatch.setattr(_following, "site_of", lambda _incident, _host: site.world)
    answers = tmp_path / "answers.yml"
    answers.write_text(yaml.safe_dump(EVERYTHING))

    def run(*words):
        return CliRunner().invoke(auditor, ["incident", *words, "--actor", "bo"])

    with site.incident():
        written = run("note", "the provider called")
        assert written.exit_code == 0, written.stderr
        assert "written into journal-bo.jsonl" in written.stderr
        assert run("next").exit_code == 2  # two cannot follow at once
    assert run("note", "nobody follows now").exit_code == 0
    assert site.state.notes[-1].text == "nobody follows now"
    assert flaws(site.folder) == []
