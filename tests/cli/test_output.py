import io
import stat

import pytest

from auditor.cli import _output
from auditor.cli._output import FORMATS, BadOutput, Shown, deliver, keep, pair, render, write_whole
from auditor.report.wording import Lines
from tests.report.scans import FULL

SHOWN = Shown(scan=FULL, checks={}, lines=Lines())


@pytest.mark.parametrize(
    ("formats", "outputs", "pairs"),
    [
        ((), (), (("text", "-"),)),
        (("json",), (), (("json", "-"),)),
        (("json",), ("-",), (("json", "-"),)),
        (("text", "json"), ("-", "x.out"), (("text", "-"), ("json", "x.out"))),
        (("json", "text"), ("x.out",), (("json", "x.out"), ("text", "-"))),
        ((), ("a.html", "b.xml", "c.prom", "d.md"), (("html", "a.html"), ("junit", "b.xml"), ("openmetrics", "c.prom"), ("markdown", "d.md"))),
    ],
)  # fmt: skip
def test_formats_and_files_belong_together_in_their_order(formats, outputs, pairs):
    assert pair(formats, outputs) == pairs


def test_a_format_that_does_not_exist_is_refused():
    with pytest.raises(BadOutput, match="'xml' is none of text, json"):
        pair(["xml"], [])


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_can_be_rendered(form):
    assert "relay-closed" in render(form, SHOWN, io.StringIO())


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "scan.json"
    path.write_text("old")
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["scan.json"]


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "scan.json"
    path.write_text("old")
    monkeypatch.setattr(_output.os, "fsync", full)
    with pytest.raises(BadOutput, match="No space left on device"):
        keep(path, "new", io.StringIO())
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["scan.json"]


def test_evidence_and_reports_are_for_their_owner_alone(tmp_path):
    path = tmp_path / "scan.json"
    write_whole(path, "findings")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


class Latin(io.StringIO):
    encoding = "ascii"


def test_a_terminal_in_a_narrow_locale_gets_escapes_and_no_traceback(tmp_path):
    out = Latin()
    deliver([("text", "-")], SHOWN, stdout=out, stderr=io.StringIO())
    assert out.getvalue().isascii()


def test_a_pipe_gets_commands_on_one_line_as_wide_as_asked(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    text = render("text", SHOWN, io.StringIO())
    assert "close-relay.yml -l mx1.example.org --tags relay-closed\n" in text
    assert (
        max(len(line) for line in text.splitlines() if "auditor" not in line and "ansible" not in line) <= 60
    )
