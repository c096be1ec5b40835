"""The journal: on the disk before anybody acts, one writer, and no change that goes unseen."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.runbook.clock import Instant, SystemClock, elapsed
from auditor.runbook.journal import NAME, Attachment, Author, Busy, Journal, Unwritable, digest, read
from auditor.runbook.proof import Anchor, anchor, chain_flaw, flaws

ANNA = Author(actor="anna", role="ops", src="ops1@console")


def written(folder, count=6):
    with Journal(folder, "INC-2026-0001", SystemClock()) as journal:
        for number in range(count):
            journal.append("note", ANNA, data={"text": f"entry {number}", "n": number})
    return (folder / NAME).read_bytes()


def test_each_line_holds_the_hash_of_the_line_before(tmp_path):
    lines = written(tmp_path).splitlines()
    entries = list(read(tmp_path / NAME))
    assert entries[0].prev == "0" * 64
    assert [entry.prev for entry in entries[1:]] == [digest(line) for line in lines[:-1]]
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert lines[0].startswith(b'{"actor":"anna","boot":"')


def test_a_second_writer_is_refused_while_the_first_lives(tmp_path):
    with (
        Journal(tmp_path, "INC-2026-0001", SystemClock()),
        pytest.raises(Busy, match="another process"),
        Journal(tmp_path, "INC-2026-0001", SystemClock()),
    ):
        pass
    written(tmp_path)


def test_text_that_is_no_unicode_is_written_escaped(tmp_path):
    with Journal(tmp_path, "INC-2026-0001", SystemClock()) as journal:
        journal.append("note", ANNA, data={"text": "bad \udc80 byte\nand \x1b[2J"})
        journal.append("note", ANNA)
    assert flaws(tmp_path) == []
    assert b"\x1b" not in (tmp_path / NAME).read_bytes()


def test_a_torn_last_line_is_set_aside_and_the_journal_goes_on(tmp_path):
    whole = written(tmp_path)
    torn = b'{"actor":"anna","boo'
    (tmp_path / NAME).write_bytes(whole + torn)
    assert "never finished" in flaws(tmp_path)[0].text
    with Journal(tmp_path, "INC-2026-0001", SystemClock()) as journal:
        journal.append("note", ANNA, data={"text": "on"})
    assert flaws(tmp_path) == []
    assert (tmp_path / NAME).read_bytes().startswith(whole)
    assert next(tmp_path.glob("journal.torn-*")).read_bytes() == torn


def test_a_disk_that_is_full_leaves_the_journal_as_it_was(tmp_path):
    whole = written(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Journal(tmp_path, "INC-2026-0001", SystemClock()) as journal:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 100, before[1]))
            with pytest.raises(Unwritable, match="nothing was done"):
                journal.append("note", ANNA, data={"text": "x" * 500})
            assert (tmp_path / NAME).read_bytes() == whole
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            journal.append("note", ANNA, data={"text": "there is room again"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert flaws(tmp_path) == []
    assert [entry.seq for entry in read(tmp_path / NAME)] == list(range(1, 8))


def test_kill_9_while_writing_never_leaves_a_journal_that_cannot_be_opened(tmp_path):
    writer = (
        "import sys; from pathlib import Path\n"
        "from auditor.runbook.clock import SystemClock\n"
        "from auditor.runbook.journal import Author, Journal\n"
        "with Journal(Path(sys.argv[1]), 'INC-2026-0001', SystemClock()) as journal:\n"
        "    print('ready', flush=True)\n"
        "    for number in range(100000):\n"
        "        journal.append('note', Author(actor='a', role='ops', src='s'), data={'text': 'x' * 3000})\n"
    )
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", writer, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    while (tmp_path / NAME).stat().st_size < 50_000 and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    with Journal(tmp_path, "INC-2026-0001", SystemClock()) as journal:
        assert len(journal.entries) > 10
        journal.append("note", ANNA)
    assert flaws(tmp_path) == []


def test_the_clock_set_back_changes_the_order_of_nothing(tmp_path):
    class Stepping:
        def __init__(self):
            self.ticks = 0

        def now(self):
            self.ticks += 1
            minute = 30 if self.ticks < 3 else 25
            return Instant(utc=f"2026-11-21T21:{minute}:00.000Z", mono_ns=self.ticks * 10**9, boot="b")

    with Journal(tmp_path, "INC-2026-0001", Stepping()) as journal:
        for _ in range(5):
            journal.append("note", ANNA)
        first, last = journal.entries[0].at, journal.entries[-1].at
    assert last.utc < first.utc
    assert elapsed(first, last) == 4.0
    assert flaws(tmp_path) == []


def test_time_across_a_reboot_is_wall_time_and_never_negative():
    before = Instant(utc="2026-11-21T21:00:00.000Z", mono_ns=9 * 10**12, boot="one")
    after = Instant(utc="2026-11-22T21:00:00.000Z", mono_ns=5, boot="two")
    assert elapsed(before, after) == 86400
    assert elapsed(after, before) == 0


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_found_in_its_own_line(data):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = written(folder)
        head = Anchor(6, digest(content.splitlines()[-1])[:16])
        at = data.draw(st.integers(0, len(content) - 1))
        new = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
        (folder / NAME).write_bytes(content[:at] + bytes([new]) + content[at + 1 :])
        found = flaws(folder, [head])
        line = content.count(b"\n", 0, at) + 1
        assert found
        # A newline that becomes another byte joins two lines: the joint is named.
        assert found[0].line in {line, line + 1 if content[at] == 10 else line}


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_removed_swapped_and_cut_lines_are_found(data):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = written(folder)
        lines = content.splitlines(keepends=True)
        head = Anchor(6, digest(lines[-1].rstrip(b"\n"))[:16])
        first, second = sorted(data.draw(st.sets(st.integers(0, 5), min_size=2, max_size=2)))
        removed = lines[:first] + lines[first + 1 :]
        swapped = [
            *lines[:first],
            lines[second],
            *lines[first + 1 : second],
            lines[first],
            *lines[second + 1 :],
        ]
        for changed in (removed, swapped, lines[:first]):
            (folder / NAME).write_bytes(b"".join(changed))
            found = flaws(folder, [head])
            assert found
            assert found[0].line in {first + 1, first}


def test_a_cut_tail_is_seen_by_its_anchor_and_by_nothing_else(tmp_path):
    lines = written(tmp_path).splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b"".join(lines[:4]))
    assert flaws(tmp_path) == []
    noted = anchor(f"6:{digest(lines[5].rstrip())[:16]}")
    assert (
        flaws(tmp_path, [noted])[0].text
        == "the journal ends at line 4, but line 6 was anchored: its tail was cut"
    )


def test_a_journal_written_anew_contradicts_its_anchor(tmp_path):
    lines = written(tmp_path).splitlines()
    (tmp_path / NAME).unlink()
    written(tmp_path)
    assert "is not the one that was anchored" in flaws(tmp_path, [Anchor(3, digest(lines[2])[:16])])[0].text


def test_evidence_that_changed_vanished_or_points_outside_is_named(tmp_path):
    folder = tmp_path / "INC-2026-0001"
    (folder / "ev").mkdir(parents=True)
    (folder / "ev/a").write_bytes(b"one")
    (tmp_path / "secret").write_bytes(b"one")
    one = digest(b"one")
    with Journal(folder, "INC-2026-0001", SystemClock()) as journal:
        for path in ("ev/a", "ev/b", "../secret"):
            journal.append("evidence", ANNA, files=(Attachment(p=path, sha256=one, n=3),))
    assert [flaw.text for flaw in flaws(folder)] == [
        "ev/b (line 2) is missing",
        "../secret (line 3) lies outside the incident",
    ]
    (folder / "ev/a").write_bytes(b"two")
    assert flaws(folder)[0].text == "ev/a (line 1) was changed"


def test_an_empty_journal_has_no_flaw():
    assert chain_flaw(b"") is None


@pytest.mark.parametrize("text", ["", "6", "6:xyz", "-1:0123456789abcdef", "6:0123456789ABCDEF"])
def test_what_is_no_anchor_is_refused(text):
    with pytest.raises(ValueError, match="an anchor is"):
        anchor(text)
