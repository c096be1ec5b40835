"""A serial console at night: a real terminal of 80 columns and 24 rows without colour, ASCII alone, and no network at all."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.runbook.fake_world import runbook, step

ROOT = Path(__file__).parents[2]
COLUMNS, ROWS = 80, 24
PROMPT = re.compile(r"(?:^|\n)  (?:\[[^\n]*\])?> $")
CHILD = """
import sys

def nothing_leaves(event, args):
    if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.bind"}:
        raise PermissionError(f"{event} {args}")

sys.addaudithook(nothing_leaves)
from pathlib import Path
from auditor.cli import _following, _opening, auditor
from tests.runbook.fake_world import FakeWorld

world = FakeWorld(Path(sys.argv[1]))
_following.site_of = lambda _incident, _host: world
_opening.facts.of_host = lambda _remote: {"mta": "postfix", "debian": "12", "have_credentials": "yes"}
auditor(sys.argv[2:])
"""
HOSTILE = "\\033]0;owned\\007\\033[2J\\033[31mred\\r\\n\\302\\233 \\342\\200\\256 gnp.exe"
"""What a stranger may have brought into a log: a new title, a wiped screen, colour, C1 and bidirectional marks."""
TEXT = runbook(
    step(
        "read",
        "kind: command\nrole: ops\nidempotent: true\nverify:\n  - shell: true",
        ("step", f"printf '{HOSTILE}\\n'\nprintf '{HOSTILE}\\n' >&2"),
        ("verify", f"printf '{HOSTILE}'"),
        text="A rather long paragraph that tells a tired person in the middle of the night why the log is read at all, "
        "and what to look for in it while the telephone rings.",
    ),
    step("boxes", "kind: manual\nrole: ops\nverify:\n  - person: Everything is seen", text="- [ ] Look\n- [ ] Look again"),
    step(
        "scope",
        "kind: decision\nrole: ic\nquestion: How many accounts?\noptions:\n  few: {next: true, help: up to five}\n"
        "  many: {next: true, help: more than five}",
    ),
    step("tell", "kind: comms\nrole: comms\ntemplate: COM-1\nchannel: telephone"),
)  # fmt: skip
ANSWERS = {
    "Run this step now?": "yes",
    "Is all of this done?": "yes",
    "Is this so?": "yes",
    "few": "few",
    "Why": "counted",
    "Was COM-1 sent": "yes",
    "Over which channel": "telephone",
}


class Console:
    """A terminal to which nothing but a person is attached."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.transcript = folder, ""
        self._over = False

    def type_through(self, *words: str) -> int:
        """Run one command and answer its questions; its exit code."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "TERM": "dumb", "LC_ALL": "C", "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONDONTWRITEBYTECODE": "1",
            "AUDITOR_RUNBOOKS": str(self.folder / "runbooks"), "AUDITOR_INCIDENTS": str(self.folder / "incidents"),
        }  # fmt: skip
        argv = [sys.executable, "-c", CHILD, str(self.folder / "host"), *words]
        with subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        ) as child:
            os.close(theirs)
            try:
                self._converse(ours)
            finally:
                if not self._over:
                    child.kill()
                os.close(ours)
            return child.wait(20)

    def _converse(self, terminal: int) -> None:
        said, deadline = "", time.monotonic() + 90
        self._over = False
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.2)[0]:
                if PROMPT.search(said.replace("\r\n", "\n")):
                    os.write(terminal, self._reply(said).encode() + b"\n")
                    self.transcript += said
                    said = ""
                continue
            piece = b""
            with contextlib.suppress(OSError):  # EIO: nobody holds the other end any more
                piece = os.read(terminal, 65536)
            if not piece:
                self.transcript += said
                self._over = True
                return
            said += piece.decode("ascii")  # the terminal knows no other characters
        raise AssertionError(f"still waiting after: {said}")

    @staticmethod
    def _reply(said: str) -> str:
        asked = [(said.rfind(question), answer) for question, answer in ANSWERS.items() if question in said]
        assert asked, said
        return max(asked)[1]


@pytest.fixture
def console(tmp_path):
    for name in ("runbooks", "host"):
        (tmp_path / name).mkdir()
    (tmp_path / "runbooks" / "test.md").write_text(TEXT, "utf-8")
    return Console(tmp_path)


def test_an_incident_is_followed_to_its_end_on_a_serial_console_without_a_network(console):
    assert console.type_through("incident", "open", "test", "--host", "mx1.example.org") == 0
    assert console.type_through("incident", "run", "--all") == 0
    paper = str(console.folder / "timeline.md")
    for words in (("status",), ("note", "the printer"), ("export", "-o", paper), ("close",), ("verify",)):
        assert console.type_through("incident", *words) == 0
    assert console.type_through("runbook", "print", "test") == 0

    assert "every line and every file is as it was written" in console.transcript
    assert "\\x1b]0;owned\\x07" in console.transcript, "what the host said is shown, not obeyed"
    assert "\x1b" not in console.transcript
    told = [line for line in console.transcript.split("\r\n") if not line.lstrip().startswith("|")]
    assert not re.search(r"[^\n\x20-\x7e]", "\n".join(told)), "no other control character"
    narrow = [
        line for line in told if not line.startswith("    ")
    ]  # commands and outputs are shown as they are
    assert max(map(len, narrow)) <= COLUMNS


def test_an_edited_runbook_is_refused_on_the_console_until_it_is_accepted(console):
    assert console.type_through("incident", "open", "test", "--host", "mx1.example.org") == 0
    path = console.folder / "runbooks" / "test.md"
    path.write_text(TEXT.replace("How many accounts?", "How many?"), "utf-8")
    assert console.type_through("incident", "next") == 1
    assert "was edited since this incident" in console.transcript.replace("\r\n", " ")
    assert console.type_through("incident", "accept") == 0
    assert console.type_through("incident", "next") == 0
