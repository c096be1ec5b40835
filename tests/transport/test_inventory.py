"""Real ansible-inventory on real files: its command line is the contract."""

import os
from datetime import date

import pytest

from auditor.discover import Target
from auditor.model import AcceptedRisk, Declared, SshTarget
from auditor.transport import inventory
from auditor.transport.inventory import BadInventory, read_inventory

FULL = """
mail_hosts:
  hosts:
    MX1.example.org:
      ansible_host: 198.51.100.10
      ansible_port: 2222
      ansible_user: admin
      ansible_become: true
      ansible_ssh_private_key_file: /etc/auditor/key
      ansible_ssh_common_args: -o UserKnownHostsFile=/etc/auditor/known_hosts
      mail_domains: [Example.ORG., example.net]
      mail_roles: mx
      mail_helpers: [{unit: rspamd, port: 11332}]
      mail_blocklists: [BL.example., dnsbl.example.net]
      mail_contacts: {owner: "+46 8 000", oncall: {phone: "+46"}}
      mail_limits: {account_day: 200}
      mail_backup: {by: snapshots of the hypervisor, seen: 2026-11-20}
      mail_monitoring: {by: a probe elsewhere, reaches: delivery}
      mail_canary: canary@example.org
      mail_accepted_risks: [{check: relay-closed, reason: being replaced, until: 2026-12-31}]
    local.example.org: {ansible_connection: local}
  children:
    backups: {hosts: {mx2.example.org: {}}}
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="inventory.yml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_hosts_variables_and_the_way_in_are_those_of_ansible(written):
    assert read_inventory(written(FULL)) == (
        Target(
            "mx1.example.org",
            Declared(
                domains=("example.org", "example.net"),
                roles=("mx",),
                helpers=('{"port": 11332, "unit": "rspamd"}',),
                blocklists=("bl.example", "dnsbl.example.net"),
                contacts=(("oncall", '{"phone": "+46"}'), ("owner", "+46 8 000")),
                limits=(("account_day", 200),),
                backup=(("by", "snapshots of the hypervisor"), ("seen", "2026-11-20")),
                monitoring=(("by", "a probe elsewhere"), ("reaches", "delivery")),
                canary="canary@example.org",
                accepted_risks=(
                    AcceptedRisk(check="relay-closed", reason="being replaced", until=date(2026, 12, 31)),
                ),
            ),
            SshTarget(
                host="198.51.100.10",
                port=2222,
                user="admin",
                key_file="/etc/auditor/key",
                known_hosts="/etc/auditor/known_hosts",
                become=True,
            ),
        ),
        Target("local.example.org", Declared(), None),
        Target("mx2.example.org", Declared(), SshTarget(host="mx2.example.org")),
    )


def test_an_ini_inventory_is_read_too(written):
    text = "[mail_hosts]\nmx1.example.org ansible_user=root ansible_become=yes\n"
    (target,) = read_inventory(written(text, "hosts"))
    assert target.ssh == SshTarget(host="mx1.example.org", user="root", become=True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("mail_hosts: [", "no inventory that Ansible can read"),
        ("words and nothing else", "no inventory that Ansible can read"),
        ("all: {hosts: {mx1.example.org: {x: 1}}}", "no host in group mail_hosts"),
        ("mail_hosts: {hosts: {a: {mail_domains: 3}}}", "mail_domains: should be a list"),
        ("mail_hosts: {hosts: {a: {mail_contacts: [x]}}}", "mail_contacts: should be a mapping"),
        ("mail_hosts: {hosts: {a: {ansible_port: 99999}}}", "99999 is not a port number"),
        ("mail_hosts: {hosts: {a: {ansible_port: ssh}}}", "invalid literal for int"),
        ("mail_hosts: {hosts: {a: {mail_accepted_risks: x}}}", "mail_accepted_risks: should be a list"),
        ("mail_hosts: {hosts: {a: {mail_accepted_risks: [{check: x}]}}}", "needs check, reason and until"),
        (
            "mail_hosts: {hosts: {a: {mail_accepted_risks: [{check: x, reason: y, until: soon}]}}}",
            "Invalid isoformat string",
        ),
    ],
)
def test_a_bad_inventory_is_refused_in_one_sentence(written, text, sentence):
    with pytest.raises(BadInventory) as refused:
        read_inventory(written(text))
    assert sentence in str(refused.value)
    assert str(refused.value).isprintable()


def test_an_inventory_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(BadInventory, match="no such inventory"):
        read_inventory(tmp_path / "hosts.yml")


def test_a_plugin_that_hangs_costs_its_time_limit_and_no_more(written, monkeypatch):
    monkeypatch.setattr(inventory, "TIMEOUT", 1)
    path = written("#!/bin/sh\nexec sleep 30\n", "dynamic")
    path.chmod(0o755)
    with pytest.raises(BadInventory, match="no answer in 1 s"):
        read_inventory(path)


def test_without_ansible_the_sentence_says_what_to_install(written, monkeypatch, tmp_path):
    monkeypatch.setattr(inventory.sys, "executable", f"{tmp_path}/python")
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(BadInventory, match="install ansible-core"):
        read_inventory(written(FULL))
