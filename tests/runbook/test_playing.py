"""ansible-playbook: what it says is read, and what never ends is ended with all that it started."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from auditor.runbook.playing import ended, read

RECAP = "PLAY RECAP ***\nmx1.example.org : ok=5    changed={}    unreachable={}    failed={}    skipped=1\n"
SAID = 'ok: [mx1.example.org] => {\n    "msg": "L3 holds. \\"Confirm\\" it."\n}\n'
REFUSED = (
    'fatal: [mx1.example.org]: FAILED! => {"changed": false, "msg": "Refused: mx1 has \\"all\\" mail."}\n'
)


def test_a_playbook_that_worked_says_what_changed_and_what_a_person_should_know():
    played = read(SAID + RECAP.format(2, 0, 0), 0)
    assert (played.good, played.changed, played.ended, played.refused) == (True, 2, True, "")
    assert played.said == ('L3 holds. "Confirm" it.',)


def test_a_playbook_that_refused_says_why():
    played = read(REFUSED + RECAP.format(0, 0, 1), 2)
    assert (played.good, played.refused) == (False, 'Refused: mx1 has "all" mail.')


@pytest.mark.parametrize(
    ("output", "code"), [(REFUSED + RECAP.format(0, 0, 0), 0), (REFUSED.replace("Refused: ", "Broke: "), 2)]
)
def test_a_playbook_that_worked_or_broke_did_not_refuse(output, code):
    assert read(output, code).refused == ""


def test_a_connection_that_broke_leaves_open_what_was_done():
    played = read(RECAP.format(3, 1, 0), 4)
    assert (played.good, played.ended) == (False, False)


STUBBORN = """import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    return True


def test_a_program_whose_time_is_over_ends_with_what_it_started_even_when_it_will_not(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.runbook.playing._GOES_ON", 0.3)
    code, output = ended([sys.executable, "-c", STUBBORN], os.environ, tmp_path, 1.5)
    assert code is None
    child = int(output)
    deadline = time.monotonic() + 10
    while not gone(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(child)


def test_an_exit_code_and_both_outputs_are_kept(tmp_path):
    script = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    assert ended([sys.executable, "-c", script], os.environ, tmp_path, 20) == (3, b"out\nerr\n")


def test_whoever_presses_ctrl_c_ends_what_the_program_had_started(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.runbook.playing._GOES_ON", 0.3)
    told = tmp_path / "child"
    script = STUBBORN.replace(
        "print(child.pid, flush=True)", f"open({str(told)!r}, 'w').write(str(child.pid))"
    )

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            ended([sys.executable, "-c", script], os.environ, tmp_path, 20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    child = int(told.read_text())
    deadline = time.monotonic() + 10
    while not gone(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(child)
