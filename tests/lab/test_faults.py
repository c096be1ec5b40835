"""Faults on the way: a host that is being changed ends as it was or as it should be, and a second run finishes."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.fixtures import COMBINATIONS
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.test_playbooks import ANSIBLE, ROOT, Ansible
from tests.lab.watching import serves, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
PENDING = "/var/backups/auditor/pending.json"
# Sendmail's start script writes the date into two files of its own.
CONFIGURATION = (
    "find /etc -type f ! -name '*-' ! -path '/etc/.pwd.lock' ! -path /etc/mail/Makefile ! -path /etc/mail/databases "
    "-printf '%p %m %u ' -exec sha256sum {} \\; | sort"
)
CHANGE = ("smtp-hygiene", "--tags", "recipients-not-enumerable")
ELSEWHERE = "203.0.113.99"  # an address that no host has, so nothing can listen there


class Victim:
    """A host, and the Ansible that looks after it."""

    def __init__(self, lab: Lab, host: Host, home: Path) -> None:
        self.lab, self.host, self.home = lab, host, home
        self.ansible = Ansible(lab, host, home)

    def play(self, *tasks: dict[str, Any]) -> list[str]:
        """A playbook of one's own around our modules, whose tasks must fail; a sentence of each."""
        path = self.home / "own.yml"
        plays = [
            {
                "hosts": "mail_hosts",
                "gather_facts": False,
                "become": True,
                "roles": ["mail_host"],
                "tasks": [one | {"ignore_errors": True} for one in tasks],
            }
        ]
        path.write_text(yaml.safe_dump(plays), encoding="utf-8")
        places = ("library", "module_utils", "roles_path", "filter_plugins")
        settings = [
            f"ANSIBLE_{place.upper()}={ROOT / 'playbooks' / place.removesuffix('_path')}" for place in places
        ]
        command = [
            "env",
            f"HOME={self.home}",
            *settings,
            ANSIBLE,
            "-i",
            str(self.ansible.inventory),
            str(path),
        ]
        done = self.lab.exec(command)
        said = sentences(done.stdout)
        assert len(said) == len(tasks), done.stdout
        return said

    def cut(self, how: Callable[[], object]) -> str:
        """A run that something happens to in the middle of its first transaction; what Ansible said."""
        command = [
            ANSIBLE,
            "-i",
            str(self.ansible.inventory),
            str(ROOT / "playbooks" / f"{CHANGE[0]}.yml"),
            *CHANGE[1:],
        ]
        environment = os.environ | {"HOME": str(self.home), "ANSIBLE_NOCOLOR": "1"}
        with (self.home / "out").open("w+b") as out:
            with self.lab.vantage.popen(command, env=environment, stdout=out, stderr=out) as running:
                try:
                    self.host.sh(
                        f"n=0; until [ -e {PENDING} ]; do sleep 0.02; n=$((n+1)); [ $n -lt 3000 ]; done"
                    )
                    how()
                    assert running.wait(60) != 0
                finally:
                    running.kill()
            out.seek(0)
            return out.read().decode()

    def state(self) -> str:
        return self.host.sh(CONFIGURATION)


def sentences(output: str) -> list[str]:
    """What Ansible says of tasks that failed."""
    found = re.findall(r'^(?:fatal|failed): .*? => .*?"msg": "((?:[^"\\]|\\.)*)"', output, re.MULTILINE)
    return [said.replace('\\"', '"') for said in found]


@pytest.fixture(scope="module")
def victim(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Victim]]:
    made: dict[tuple[str, str], Victim] = {}

    def make(release: str, mta: str) -> Victim:
        if (release, mta) not in made:
            number = 220 + len(made)
            host = lab.host(
                f"mx1.faults-{mta}-{release}.example",
                release=release,
                mta=mta,
                v4=f"198.51.100.{number}",
                v6=f"2001:db8:100::{number}",
            )
            made[release, mta] = Victim(lab, host, tmp_path_factory.mktemp("faults"))
        return made[release, mta]

    yield make
    for one in made.values():
        lab.drop(one.host)


def task(module: str, **arguments: Any) -> dict[str, Any]:
    frame = {"frame": "{{ mail_host_frame }}", "what": "A change"}
    return {"name": "Sabotage", module: frame | arguments}


REFUSED = {
    "postfix": task("postfix_config", settings={"inet_protocols": "ipv5"}),
    "exim4": task("exim_config", macros={"MAIN_LOG_SELECTOR": "+no_such_selector"}),
    "opensmtpd": task("opensmtpd_config", first=["match whatever for nobody"]),
    "sendmail": task("sendmail_config", features={"odd": "FEATURE(`no_such_feature')dnl"}),
}  # fmt: skip
DEAF = {
    "postfix": task("postfix_config", services={"smtp/inet": ""}, restart=True),
    "exim4": task("exim_config", macros={"MAIN_LOCAL_INTERFACES": ELSEWHERE}),
    "opensmtpd": task("opensmtpd_config", substitute={r"^(listen on )\S+": rf"\g<1>{ELSEWHERE}"}),
    "sendmail": task("sendmail_config", substitute={r"^DAEMON_OPTIONS\(.*": f"DAEMON_OPTIONS(`Family=inet, Name=MTA-v4, Port=smtp, Addr={ELSEWHERE}')dnl"}),
}  # fmt: skip


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_what_the_program_refuses_is_never_put_in_place_and_what_kills_it_is_undone(
    victim, release: str, mta: str
):
    one = victim(release, mta)
    before = one.state()
    assert serves(one.lab, one.host, "admin")
    refused, deaf = one.play(REFUSED[mta], DEAF[mta])
    assert "not done, nothing was changed" in refused
    assert "undone, everything is as it was" in deaf
    assert one.state() == before
    assert serves(one.lab, one.host, "admin")


BROKEN_ACLS = {
    "  deny\n    no_such_condition = x\n": "unknown ACL condition",
    "  warn\n    condition = ${if eq{a}{b}\n": "Exim cannot run it",
    "  deny\n    authenticated = *\n": "a user's message would be answered",
}
"""What is wrong with an ACL that Exim includes for the message itself: seen when it is read, when it runs, when a user sends."""


def limits(acl: str) -> dict[str, Any]:
    path = "/etc/exim4/auditor-limits.acl"
    file = {"path": path, "content": acl, "mode": "0644"}
    return task("exim_config", macros={"CHECK_DATA_LOCAL_ACL_FILE": path}, files=[file])


@pytest.mark.parametrize("layout", ["split", "single"])  # the second one is as Debian installs it
def test_a_fault_in_an_included_acl_is_found_on_the_copy_of_either_layout_of_exim(victim, layout: str):
    one = victim("trixie", "exim4")
    split = "true" if layout == "split" else "false"
    settings = "/etc/exim4/update-exim4.conf.conf"
    one.host.sh(f"sed -i \"s/^dc_use_split_config=.*/dc_use_split_config='{split}'/\" {settings}")
    one.host.sh("update-exim4.conf && systemctl restart exim4")
    wait_for(lambda: 25 in one.host.listening(), "Exim with the other layout")
    before = one.state()
    said = one.play(*map(limits, BROKEN_ACLS))
    for sentence, why in zip(said, BROKEN_ACLS.values(), strict=True):
        assert "not done, nothing was changed" in sentence
        assert why in sentence
    assert one.state() == before


def test_a_change_that_breaks_mail_or_kills_the_daemon_is_undone_by_its_own_probe(victim):
    one = victim("bookworm", "postfix")
    before = one.state()
    deaf, dead = one.play(
        task("postfix_config", settings={"smtpd_recipient_restrictions": "reject"}),
        task("postfix_config", services={"odd/inet": "odd inet n - y - - no-such-program"}),
    )
    assert "undone, everything is as it was: no longer true: port 25" in deaf
    assert "undone, everything is as it was: no longer true: postfix@-.service has a process" in dead
    assert one.state() == before
    assert serves(one.lab, one.host)


def test_a_package_that_breaks_every_handshake_is_told_so_and_nothing_is_half_configured(victim):
    one = victim("bookworm", "opensmtpd")
    before = one.state()
    output, changed = one.ansible.run("tls", "--tags", "starttls-offered")
    assert "fails every inbound TLS handshake with OpenSSL 3" in output
    assert "Install opensmtpd from bookworm-backports or move to Debian 13" in output
    assert changed == 0
    assert one.state() == before


@pytest.mark.parametrize("full", ["/var/backups/auditor", "/etc/postfix"])
def test_a_full_disk_changes_nothing_and_the_next_run_does_it(victim, full: str):
    one = victim("bookworm", "postfix")
    host = one.host
    host.sh("postconf -e disable_vrfy_command=no; postfix reload")
    host.sh(
        f"mkdir -p {full}; cp -a {full} /tmp/kept; mount -t tmpfs -o size=512k tmpfs {full}; cp -a /tmp/kept/. {full}/;"
        f"dd if=/dev/zero of={full}/ballast bs=1k count=512 2>/dev/null || true; chmod 755 {full}"
    )
    try:
        before = one.state()
        output, _ = one.ansible.run(*CHANGE, check=False)
        [said] = sentences(output)
        assert "not done, nothing was changed" in said
        assert "No space left on device" in said
        assert one.state() == before
        assert serves(one.lab, one.host)
        host.sh(f"rm {full}/ballast")
        assert one.ansible.run(*CHANGE)[1] == 1
        assert host.sh("postconf -h disable_vrfy_command") == "yes\n"
    finally:
        host.sh(f"umount {full}; rm -rf /tmp/kept; postfix reload")


def test_a_connection_that_is_cut_in_mid_play_leaves_no_host_between_two_states(victim):
    one = victim("bookworm", "postfix")
    one.host.sh("postconf -e disable_vrfy_command=no; postfix reload")
    sessions = "for p in $(pgrep -P $(systemctl show -p MainPID --value ssh)); do kill -9 $p; done"
    assert "unreachable=1" in one.cut(lambda: one.host.sh(sessions))
    wait_for(
        lambda: one.host.run(["test", "-e", PENDING]).returncode, "the end of the transaction", seconds=60
    )
    assert one.host.sh("find /etc -name '.*.auditor*'") == ""
    assert serves(one.lab, one.host)
    one.ansible.run(*CHANGE)
    assert one.ansible.run(*CHANGE)[1] == 0


def test_a_host_that_loses_its_power_in_mid_change_is_put_back_and_then_repaired(victim):
    one = victim("trixie", "postfix")
    host = one.host
    host.sh("postconf -e disable_vrfy_command=no; postfix reload")
    before = host.sha(["/etc/postfix/main.cf"])
    one.cut(host.kill)
    host.start()
    [told] = one.play({"name": "Ask", "ansible.builtin.fail": {"msg": "mended: {{ mail_host_mail.mended }}"}})
    assert "had been interrupted" in told
    assert host.sha(["/etc/postfix/main.cf"]) == before
    assert host.sh("find /etc -name '.*.auditor*'") == ""
    assert one.ansible.run(*CHANGE)[1] > 0
    assert one.ansible.run(*CHANGE)[1] == 0


def test_a_package_mirror_that_cannot_be_reached_changes_nothing_and_is_said(victim):
    one = victim("trixie", "postfix")
    one.host.sh("mkdir -p /tmp/cache; mv /var/cache/apt/archives/*.deb /tmp/cache/")
    before = one.state()
    output, _ = one.ansible.run("outbound-limits", check=False)
    one.host.sh("mv /tmp/cache/*.deb /var/cache/apt/archives/")
    [said] = sentences(output)
    assert "could not be installed, nothing else was changed" in said
    assert one.state() == before


def test_an_unknown_system_is_refused_in_one_sentence(victim):
    one = victim("trixie", "exim4")
    before = one.state()
    one.host.sh(
        "printf 'ID=ubuntu\\nVERSION_ID=\"24.04\"\\n' > /run/os; mount --bind /run/os /etc/os-release"
    )
    output, _ = one.ansible.run("site", check=False)
    one.host.sh("umount /etc/os-release")
    [said] = sentences(output)
    assert "runs ubuntu 24.04 systemd: these playbooks support Debian 12 and 13" in said
    assert one.state() == before


@pytest.mark.parametrize(
    ("playbook", "said"),
    [("reroute", "reroute_host is a host name or address"), ("suspend-account", "suspend_account_login names the account"),
    ],
)  # fmt: skip
def test_a_missing_variable_is_named_and_nothing_is_changed(victim, playbook: str, said: str):
    one = victim("trixie", "exim4")
    before = one.state()
    output, _ = one.ansible.run(playbook, check=False)
    [sentence] = sentences(output)
    assert said in sentence
    assert one.state() == before


def test_a_host_that_is_only_to_be_scanned_is_refused_by_every_playbook(victim):
    one = victim("trixie", "exim4")
    before = one.state()
    inventory = one.ansible.inventory
    told = inventory.read_text(encoding="utf-8")
    inventory.write_text(
        yaml.safe_dump(yaml.safe_load(told) | {"check_only": {"hosts": {one.host.name: None}}})
    )
    output, _ = one.ansible.run("site", check=False)
    inventory.write_text(told, encoding="utf-8")
    [said] = sentences(output)
    assert "it is scanned, never changed" in said
    assert one.state() == before


def test_the_restore_command_of_a_run_brings_back_what_was(victim):
    one = victim("trixie", "exim4")
    before = one.state()
    one.ansible.run("smtp-hygiene", "-e", "mail_host_run=rehearsal")
    assert one.state() != before
    one.host.sh("/var/backups/auditor/rehearsal/restore")
    assert one.state() == before
    assert serves(one.lab, one.host)
