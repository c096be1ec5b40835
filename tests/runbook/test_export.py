"""Timeline and retrospective: readable, complete, and without personal data unless one asks for it."""

import csv
import hashlib
import io
import json

import pytest

from auditor.runbook.book import collect
from auditor.runbook.export import render
from auditor.runbook.incident import Incident
from auditor.runbook.journal import Author
from auditor.runbook.redact import Redaction
from tests.runbook.fake_world import Site, runbook, step

HOLD = step(
    "hold",
    "kind: command\nrole: ops\ndanger: reversible\ntemporary: 4h\nverify:\n  - shell: true",
    ("step", "touch held"), ("verify", "test -e held"), ("undo", "rm held"),
)  # fmt: skip
FREE = step("free", "kind: undo\nrole: ops\nof: hold\nverify:\n  - shell: true", ("verify", "test ! -e held"))


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path, runbook(HOLD, FREE))
    site.world.clock.seconds = 120
    site.next()
    with site.incident() as incident:
        text = "alice@customer.example wrote from 198.51.100.7 and 2001:db8::7, see mail.customer.example | <b> \x1b[2J"
        incident.record("note", data={"kind": "finding", "text": text})
    site.world.clock.seconds = 600
    site.next()
    return site


def exported(site, form="md", *, retrospective=False, clear=False):
    return render(site.folder, collect(["test"], site.books), form, retrospective=retrospective, clear=clear)


@pytest.mark.parametrize("form", ["md", "html", "csv", "json"])
def test_no_address_name_or_ip_leaves_in_an_export(site, form):
    text = exported(site, form)
    for secret in ("alice", "customer.example", "198.51.100.7", "2001:db8::7", "\x1b"):
        assert secret not in text
    assert "address-" in text


@pytest.mark.parametrize("form", ["md", "html", "csv", "json"])
def test_a_clear_export_says_who_it_was_and_still_escapes(site, form):
    text = exported(site, form, clear=True)
    assert "alice@customer.example" in text
    assert "\x1b" not in text


def test_pseudonyms_stay_the_same_over_exports_and_differ_between_incidents(site):
    assert exported(site) == exported(site)
    assert Redaction(b"a")("alice@example.org") != Redaction(b"b")("alice@example.org")
    assert Redaction(b"a")("Alice@example.org") == Redaction(b"a")("alice@Example.org")


def test_times_of_day_hashes_and_our_own_words_are_left_alone():
    clean = Redaction(b"a")
    for text in (
        "2026-11-21T21:27:46.288Z",
        "12:30:45",
        "postfix@-.service",
        "queue.held",
        "ev/0017-hold.out",
        "sha256:6f0c",
        "main.cf",
        "3.7.11",
    ):
        assert clean(text) == text
    assert clean.count == 0


def test_the_timeline_keeps_the_order_of_the_journal(site):
    rows = list(csv.reader(io.StringIO(exported(site, "csv"))))
    assert [row[3] for row in rows[1:]] == [
        "incident opened", "begun - Step hold", "ended - Step hold", "note", "begun - Step free",
        "taking back - Step hold", "taken back - Step hold", "ended - Step free",
    ]  # fmt: skip


def test_times_to_contain_and_recover_are_computed(site):
    known = json.loads(exported(site, "json"))["facts"]
    assert known["time to contain"] == "2 min"
    assert known["time to recover"] == "10 min"


def test_the_time_to_detect_runs_from_what_somebody_found_out_to_the_opening(site):
    for said, told in (
        ("2026-11-20 23:30", "30 min"),
        ("2026-11-20 23:30+02:00", "2 h 30 min"),
        ("2026-11-21T00:00:01Z", ""),
    ):
        with site.incident() as incident:
            incident.record("values", data={"values": {"began": said}})
        assert json.loads(exported(site, "json"))["facts"]["time to detect"] == told
    assert "| time to detect | ? |" in exported(site, retrospective=True)


def test_the_retrospective_holds_the_accounting_of_the_mail(site):
    sentence = "accepted 3 = delivered 2 + bounced 0 + queued 0 + held 0 + removed by us 1"
    with site.incident() as incident:
        place = site.engine(incident).desk.place(site.engine(incident).desk.book.find("free"))
        incident.record("step.end", place, {"result": "ok", "reason": f"accounting.balanced: {sentence}"})
    assert sentence in exported(site, retrospective=True)


def test_what_only_people_know_stays_a_question_in_the_retrospective(site):
    text = exported(site, retrospective=True)
    assert "What was the cause, and how is that known? …" in text
    assert "| began | ? |" in text


def test_html_holds_no_markup_from_strangers(site):
    assert "<b>" not in exported(site, "html", clear=True)


def test_a_cell_that_would_be_a_formula_is_text(tmp_path):
    site = Site(tmp_path, runbook(HOLD))
    with site.incident() as incident:
        incident.record(
            "skip",
            incident.journal.entries and site.engine(incident).desk.place(site.engine(incident).next_step()),
            {"reason": "x"},
        )
    assert "\n=" not in exported(site, "csv")


@pytest.mark.parametrize("form", ["md", "html"])
def test_a_reader_is_told_what_the_export_can_be_held_against(site, form):
    last = (site.folder / "journal.jsonl").read_bytes().split(b"\n")[-2]
    seq = json.loads(last)["seq"]
    assert f"head {seq}:{hashlib.sha256(last).hexdigest()[:16]}; chain, anchors" in exported(site, form)


def test_a_journal_that_was_changed_says_so_in_its_export(site):
    journal = site.folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"hold"', b'"hole"', 1))
    assert "NOT AS IT WAS WRITTEN: line " in exported(site)


def test_what_a_step_printed_stands_under_evidence(site):
    (printed,) = (site.folder / "ev").glob("*-hold.out")
    digest = hashlib.sha256(printed.read_bytes()).hexdigest()
    assert f"ev/{printed.name} sha256:{digest}" in exported(site).partition("## Evidence")[2]


def test_the_timeline_names_the_copy_of_the_runbook_that_was_followed_from_then_on(site):
    (site.books / "test.md").write_text(runbook(HOLD, FREE) + "\nMore.\n")
    with site.incident() as incident:
        site.engine(incident).accept()
    digest = hashlib.sha256((site.books / "test.md").read_bytes()).hexdigest()
    text = exported(site)
    assert "edited runbook accepted" in text
    assert f"runbooks/test@1-{digest[:12]}.md sha256:{digest}" in text.partition("## Evidence")[2]


@pytest.mark.parametrize("first", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula_for_a_spreadsheet(site, first):
    author = Author(actor=f"{first}cmd|' /C calc'!A0", role="ops", src="test")
    with Incident(site.folder, site.world.clock, author) as incident:
        incident.record("note", data={"kind": "finding", "text": "x"})
    cells = [cell for row in csv.reader(io.StringIO(exported(site, "csv", clear=True))) for cell in row]
    assert f"'{first}cmd|' /C calc'!A0 (OPS)" in cells
    assert not [cell for cell in cells if cell.startswith(first)]
