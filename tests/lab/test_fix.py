"""The closed loop on real hosts: found from outside and inside, repaired, found closed by a new scan."""

from pathlib import Path

import pytest

from tests.lab.admin import OUTSIDE, Admin
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.laboratory import Lab

pytestmark = pytest.mark.lab

FAMILIES = ("relay", "roles", "logging", "supervision")
"""What an attacker or an accident uses first: the families that the mission names."""

BROKEN = {
    "service-not-flapping": "Dovecot's configuration has a typing mistake that only a person can mend",
    "helpers-supervised": "Postfix's policy service is a script without a unit; the finding asks for one",
}
"""What no playbook can close on the weak hosts, and why."""


@pytest.fixture
def admin(lab: Lab, tmp_path: Path) -> Admin:
    return Admin(lab=lab, folder=tmp_path)


def told(findings):
    """Only what a failed assertion should show."""
    return {key: (f["status"], f["summary"]) for key, f in findings.items()}


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_what_was_found_is_closed_by_its_playbooks_and_proven_closed_by_a_new_scan(
    admin: Admin, mail_host: MailHosts, lab: Lab, release: str, mta: str
):
    host = mail_host(release, mta, profile="weak")
    lab.loghost()
    inventory = admin.inventory(
        host,
        mail_log_host="loghost.example:6514",
        mail_contacts={"owner": {"name": "Anna", "mail": "anna@vantage.example"}},
    )
    words = [host.name, "-i", str(inventory), *(word for f in FAMILIES for word in ("--only", f))]

    try:
        before = admin.scan(*words)
        repairable = {
            key
            for key, finding in before.items()
            if finding["status"] == "failed" and "playbook" in finding["remedy"]
        }
        assert ("relay-closed", host.name) in repairable, told(before)

        done = admin.auditor("fix", *words, *OUTSIDE, "--yes")
        after = admin.scan(*words)

        left = {key: after[key] for key in repairable if after[key]["status"] != "passed"}
        assert not left, f"{told(left)}\n{done.stdout}\n{done.stderr}"
        damaged = {
            key: after[key]
            for key, finding in before.items()
            if finding["status"] == "passed" and after[key]["status"] == "failed"
        }
        assert not damaged, told(damaged)
    finally:
        host.fresh()
