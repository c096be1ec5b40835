"""`auditor fix --wait` with a real Sendmail that takes no more connections of ours: what is put off is asked again."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.lab.admin import OUTSIDE, REPOSITORY, Admin
from tests.lab.laboratory import Lab
from tests.lab.watching import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
OPEN_AND_COUNTING = """
cd /etc/mail
sed -i "/^FEATURE(.no_default_msa/r /dev/stdin" sendmail.mc <<END
FEATURE(\\`promiscuous_relay')dnl
END
sed -i "s/^define(.confCONNECTION_RATE_WINDOW_SIZE.*/define(\\`confCONNECTION_RATE_WINDOW_SIZE', \\`1m')dnl/" sendmail.mc
grep -q "WINDOW_SIZE', .1m'" sendmail.mc
m4 sendmail.mc > sendmail.cf 2> /dev/null
"""
"""A relay for anybody, whose window for counting connections is a minute where Debian's is ten. Ten it takes in either."""
WINDOW = 75
"""Seconds until it has forgotten us: the window, and one of the six portions that it counts in."""
KNOCK = """
import socket, sys, time
for _ in range(2000):
    for address in sys.argv[1:]:
        try:
            socket.create_connection((address, 25), 2).close()
        except OSError:
            pass
    time.sleep(0.4)
"""
"""Often enough that the daemon, which counts anew after each restart, has had enough before it is scanned again."""
PUT_OFF = "takes no more connections from here for now"


def test_what_a_busy_sendmail_did_not_answer_is_asked_again_when_its_window_is_over(lab: Lab, tmp_path: Path):
    address = {"v4": "198.51.100.216", "v6": "2001:db8:100::216"}
    setup = OPEN_AND_COUNTING
    host = lab.host("mx1.patience.example", release="bookworm", mta="sendmail", **address, setup=setup)
    first = Admin(lab=lab, folder=tmp_path)
    first.inventory(host)
    words = ("-i", "hosts.yml")
    found = first.auditor(
        "scan", host.name, *words, *OUTSIDE, "--only", "relay-closed", "--format", "json", "-o", "before.json"
    )
    assert found.returncode == 1, found.stderr

    place = lab.station("impatient", "203.0.113.180")
    lab.zone("impatient.example", [f"@ A {place.v4}", f"@ AAAA {place.v6}"])
    lab.names.reverse(dict.fromkeys((place.v4, place.v6), "impatient.example"))
    fix = [sys.executable, "-m", "auditor", "fix", "before.json", *words, "--yes"]
    fix += ["--helo", "impatient.example", "--wait", str(WINDOW)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "HOME": str(tmp_path)}
    said = tmp_path / "said"
    with (
        said.open("wb") as out,
        place.popen([sys.executable, "-c", KNOCK, host.v4, host.v6]) as knocking,
        place.popen(fix, stdout=out, stderr=out, cwd=tmp_path, env=environment) as fixing,
    ):
        try:
            wait_for(lambda: PUT_OFF in said.read_text("utf-8"), "Sendmail to have had enough", seconds=300)
            knocking.kill()
            code = fixing.wait(300)
        finally:
            knocking.kill()
            fixing.kill()
    assert code == 0, said.read_text("utf-8")
    assert f"in {WINDOW} s it is asked again: relay-closed" in said.read_text("utf-8")
    [record] = (tmp_path / "fixes").glob("FIX-*/record.json")
    [outcome] = json.loads(record.read_text("utf-8"))["outcomes"]
    assert (outcome["check"], outcome["outcome"]) == ("relay-closed", "closed")
    lab.drop(host)
