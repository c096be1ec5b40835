"""One incident on two real hosts, with two mail programs of two releases: each step on both, each with its own commands."""

from pathlib import Path

import pytest
import yaml

from tests.lab.admin import ansible_variables
from tests.lab.fixtures import MailHosts
from tests.lab.incident import Desk
from tests.lab.laboratory import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
ROLES = ("postmaster", "abuse", "hostmaster", "security")


def test_role_addresses_are_made_on_two_hosts_in_one_incident_and_taken_back_on_one(
    lab: Lab, mail_host: MailHosts, tmp_path: Path
):
    hosts = (mail_host("trixie", "sendmail"), mail_host("bookworm", "postfix"))
    before = [host.read("/etc/aliases") for host in hosts]
    desk = Desk(lab, hosts[0], tmp_path, {"vars": {"duty_mailbox": "admin@localhost"}})
    said = {
        host.name: {**ansible_variables(host), "mail_domains": [host.domain], "mail_canary": f"root@{host.domain}"}
        for host in hosts
    }  # fmt: skip
    desk.inventory.write_text(yaml.safe_dump({"mail_hosts": {"hosts": said}}))
    named = [word for host in hosts for word in ("--host", host.name)]
    opened = desk.incident("open", "contacts", *named, "-i", str(desk.inventory))
    assert opened.returncode == 0, opened.stderr
    assert f"{hosts[0].name}: mta sendmail" in opened.stderr
    assert f"{hosts[1].name}: mta postfix" in opened.stderr

    both = [f"contacts/create@{host.name}" for host in hosts]
    for step in both:
        desk.incident("run", "--step", step)
    for host in hosts:
        assert all(f"\n{role}:" in "\n" + host.read("/etc/aliases") for role in ROLES), host.name
    acted = [one["step"] for one in desk.entries() if one["kind"] == "step.acted"]
    assert [f"contacts/{step}" for step in acted] == both
    assert list(desk.status()["hosts"]) == [host.name for host in hosts]

    assert desk.incident("undo", both[0]).returncode == 0
    assert hosts[0].read("/etc/aliases") == before[0]
    assert hosts[1].read("/etc/aliases") != before[1]
    assert desk.incident("undo", both[1]).returncode == 0
    assert desk.auditor("incident", "verify").returncode == 0
