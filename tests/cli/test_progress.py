import io

import pytest

from auditor.cli import _progress
from auditor.cli._progress import Progress
from auditor.model import Host
from tests.catalogue import Greeting

KEY = (Host, "mx\x1b[2J.example", Greeting)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    return now


def watched(stream, clock, at):
    with Progress(stream) as progress:
        for moment in at:
            clock[0] = moment
            progress.seen(KEY)
    return stream.getvalue()


def test_a_short_scan_is_silent(clock):
    assert watched(io.StringIO(), clock, [0.1, 1.9]) == ""


def test_a_log_gets_a_line_now_and_then(clock):
    said = watched(io.StringIO(), clock, [1.0, 3.0, 4.0, 17.9, 18.0]).splitlines()
    assert said == [
        "auditor: 3 s, 2 things looked at, last Greeting of mx\\x1b[2J.example",
        "auditor: 18 s, 5 things looked at, last Greeting of mx\\x1b[2J.example",
    ]


def test_a_terminal_gets_one_moving_line_that_is_wiped_at_the_end(clock):
    said = watched(Terminal(), clock, [3.0, 3.1, 3.3])
    assert said.count("\r\x1b[K") == 3
    assert said.endswith("\r\x1b[K")
    assert "\n" not in said
