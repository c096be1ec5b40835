"""What `auditor fix` costs beside the playbooks and scans that it stands for, on the same host in the same run.

python -m pytest -m bench tests/bench/bench_fix.py -s
"""

import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.lab.admin import OUTSIDE, Admin
from tests.lab.fixtures import MailHosts
from tests.lab.laboratory import Lab

BOUND = 1.2
"""Times the bare ansible-playbook runs; the two scans are not multiplied."""
FAMILIES = ("relay", "roles", "logging", "supervision")


def timed(work: Callable[[], CompletedProcess[str]], *codes: int) -> tuple[float, CompletedProcess[str]]:
    began = time.monotonic()
    done = work()
    took = time.monotonic() - began
    assert done.returncode in codes, done.stdout[-2000:] + done.stderr[-2000:]
    return took, done


@pytest.mark.bench
@pytest.mark.lab
@pytest.mark.timeout(900)
def test_a_fix_costs_little_more_than_its_playbooks_and_its_scans(
    lab: Lab, mail_host: MailHosts, tmp_path: Path
):
    host = mail_host("trixie", "postfix", profile="weak")
    lab.loghost()
    admin = Admin(lab=lab, folder=tmp_path)
    admin.inventory(
        host,
        mail_log_host="loghost.example:6514",
        mail_contacts={"owner": {"name": "Anna", "mail": "anna@vantage.example"}},
    )
    words = [host.name, "-i", "hosts.yml", *OUTSIDE, *(word for f in FAMILIES for word in ("--only", f))]
    try:
        before, _ = timed(lambda: admin.auditor("scan", *words, "--format", "json", "-o", "before.json"), 1)
        planned = admin.auditor("plan", "before.json", "-i", "hosts.yml", "--format", "json")
        steps = [shlex.split(shlex.join(step["command"])) for step in json.loads(planned.stdout)["steps"]]
        bare = [
            timed(lambda step=step: admin.playbook(Path(step[3]).stem, *step[4:]), 0)[0] for step in steps
        ]
        after, _ = timed(lambda: admin.auditor("scan", *words), 0, 1, 3)

        host.fresh()
        whole, done = timed(lambda: admin.auditor("fix", *words, "--yes"), 0, 1, 3)
    finally:
        host.fresh()
    assert done.stdout.count("closed  ") >= len(steps)
    allowed = BOUND * sum(bare) + before + after
    print(
        f"\nfix {whole:.1f} s; {len(bare)} bare ansible-playbook {sum(bare):.1f} s, scans {before:.1f} + {after:.1f} s;"
        f" playbooks within fix {(whole - before - after) / sum(bare):.2f} times as long"
    )
    assert whole <= allowed
