"""The playbooks on real hosts beside the closed loop (test_fix.py): what they refuse, and sabotage that is undone."""

import re
import shlex
import smtplib
import ssl
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.lab.laboratory import Lab
from tests.lab.machine import Host

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
ANSIBLE = str(Path(sys.executable).with_name("ansible-playbook"))
CONFIGURATION = (
    "find /etc -type f ! -name '*-' ! -path '/etc/.pwd.lock' -print0 | sort -z | xargs -0 sha256sum"
)


class Ansible:
    """Plain ansible-playbook at the vantage, over SSH, against one host of the laboratory."""

    def __init__(self, lab: Lab, host: Host, home: Path) -> None:
        self.lab, self.host, self.home = lab, host, home
        known = f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={host.ssh.known_hosts} -o ControlPath={home}/mux-%C"
        variables = {
            "ansible_host": host.ssh.address,
            "ansible_port": host.ssh.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(host.ssh.key),
            "ansible_ssh_common_args": known,
            "ansible_python_interpreter": "/usr/bin/python3",
            "mail_domains": [host.domain],
            "mail_contacts": {"owner": {"mail": "alice"}},
        }
        self.inventory = home / "inventory.yml"
        self.inventory.write_text(
            yaml.safe_dump({"mail_hosts": {"hosts": {host.name: variables}}}), encoding="utf-8"
        )

    def run(self, playbook: str, *arguments: str, check: bool = True) -> tuple[str, int]:
        """The output and the number of changed tasks."""
        command = ["env", f"HOME={self.home}", "ANSIBLE_NOCOLOR=1", ANSIBLE, "-i", str(self.inventory)]
        done = self.lab.exec([*command, str(ROOT / "playbooks" / f"{playbook}.yml"), *arguments])
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        found = re.search(r"changed=(\d+)", done.stdout)
        return done.stdout, int(found.group(1)) if found else -1


@pytest.fixture(scope="module")
def stage(lab: Lab, tmp_path_factory: pytest.TempPathFactory):
    """Makes a host and the Ansible that looks after it."""
    made: dict[tuple[str, str, str], tuple[Host, Ansible]] = {}

    def make(release: str, mta: str, profile: str = "stock") -> tuple[Host, Ansible]:
        if (release, mta, profile) not in made:
            number = 150 + len(made)
            name = f"plays-{mta}-{release}-{profile}.example"
            host = lab.host(
                f"mx1.{name}",
                release=release,
                mta=mta,
                profile=profile,
                v4=f"198.51.100.{number}",
                v6=f"2001:db8:100::{number}",
            )
            made[release, mta, profile] = host, Ansible(lab, host, tmp_path_factory.mktemp("ansible"))
        return made[release, mta, profile]

    yield make
    for host, _ in made.values():
        host.stop()


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_what_the_admin_wrote_survives_byte_for_byte(stage, release: str):
    host, ansible = stage(release, "postfix")
    odd = "# our own remark, keep\nmail_name = Odd but ours\n"
    host.sh(
        f"printf %s {shlex.quote(odd)} >> /etc/postfix/main.cf; postconf -M 'odd/unix=odd unix - n n - - pipe argv=/bin/true'"
    )
    ansible.run("close-relay")
    ansible.run("smtp-hygiene")
    assert odd in host.read("/etc/postfix/main.cf")
    assert "odd        unix" in host.read("/etc/postfix/master.cf")


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_updates_and_ssh_settle_at_once_and_the_admin_still_gets_in(stage, release: str):
    host, ansible = stage(release, "postfix")
    ansible.run("updates")
    ansible.run("ssh")
    assert "passwordauthentication no" in host.sh("sshd -T")
    assert host.login("id -un", user="root").stdout.strip() == "root"
    assert ansible.run("updates")[1] + ansible.run("ssh")[1] == 0


def test_a_change_that_breaks_mail_is_undone_by_its_own_probe(stage, tmp_path: Path):
    host, ansible = stage("bookworm", "postfix")
    before = host.sha(["/etc/postfix/main.cf"])
    sabotage = tmp_path / "sabotage.yml"
    task = {
        "name": "Break inbound mail",
        "postfix_config": {
            "frame": "{{ mail_host_frame }}",
            "what": "Inbound mail is broken",
            "settings": {"smtpd_recipient_restrictions": "reject"},
        },
    }
    play = {
        "hosts": "mail_hosts",
        "gather_facts": False,
        "become": True,
        "roles": ["mail_host"],
        "tasks": [task],
    }
    sabotage.write_text(yaml.safe_dump([play]), encoding="utf-8")
    environment = [f"ANSIBLE_{kind.upper()}={ROOT / 'playbooks' / folder}" for kind, folder in (
        ("library", "library"), ("module_utils", "module_utils"), ("roles_path", "roles"), ("filter_plugins", "filter_plugins"))]  # fmt: skip
    done = ansible.lab.exec(
        ["env", f"HOME={ansible.home}", *environment, ANSIBLE, "-i", str(ansible.inventory), str(sabotage)]
    )
    assert done.returncode != 0
    assert "undone, everything is as it was" in done.stdout
    assert host.sha(["/etc/postfix/main.cf"]) == before
    assert 25 in host.listening()


@pytest.mark.parametrize("mta", ["opensmtpd", "sendmail"])
def test_a_certificate_on_the_host_is_shown_to_strangers_who_want_tls(lab: Lab, stage, mta: str):
    host, ansible = stage("trixie", mta)
    credential = lab.authority.issue(host.name, host.v4, host.v6)
    host.write("/etc/ssl/private/mx.pem", credential.certificate, mode=0o644)
    host.write("/etc/ssl/private/mx.key", credential.key, mode=0o600)
    shown = ("-e", "tls_certificate=/etc/ssl/private/mx.pem", "-e", "tls_key=/etc/ssl/private/mx.key")
    assert ansible.run("tls", "--tags", "starttls-offered", *shown)[1] == 1
    context = ssl.create_default_context(cafile=str(lab.trust))
    with lab.attacker.entered(), smtplib.SMTP(host.v4, 25, "attacker.example", timeout=20) as smtp:
        smtp.starttls(context=context)
        assert smtp.sock.getpeercert()["subjectAltName"][0] == ("DNS", host.name)
    assert ansible.run("tls", "--tags", "starttls-offered", *shown)[1] == 0


def test_a_sendmail_without_limits_for_one_client_gets_them_and_keeps_the_admins_own(stage):
    host, ansible = stage("trixie", "sendmail")
    host.sh(
        "cd /etc/mail; sed -i -e '/^FEATURE(.conncontrol/d' -e '/^FEATURE(.ratecontrol/d' sendmail.mc; m4 sendmail.mc > sendmail.cf; "
        "sed -i -e '/^ClientConn:/d' -e 's/^ClientRate:[[:space:]].*/ClientRate:\\t7/' access; make -s; systemctl restart sendmail"
    )
    assert ansible.run("connection-limits")[1] == 1
    limits = host.sh("makemap -u hash /etc/mail/access | grep -i '^client'").splitlines()
    assert {"clientconn:\t10", "clientrate:\t7", "clientconn:127\t0"} <= set(limits)
    assert ansible.run("connection-limits")[1] == 0

    greet = (
        "import socket, sys\n"
        "for _ in range(9):\n"
        "    with socket.create_connection((sys.argv[1], 25), 20) as s: print(s.recv(3).decode())\n"
    )
    done = ansible.lab.attacker.run([sys.executable, "-c", greet, host.v4])
    assert done.stdout.split() == ["220"] * 7 + ["421"] * 2, "seven in a window, as the admin has it"


def test_a_host_that_is_only_to_be_scanned_is_refused_untouched(stage):
    host, ansible = stage("trixie", "postfix")
    before = host.sh(CONFIGURATION)
    extra = yaml.safe_load(ansible.inventory.read_text())
    extra["check_only"] = {"hosts": {host.name: None}}
    ansible.inventory.write_text(yaml.safe_dump(extra))
    output, _ = ansible.run("close-relay", check=False)
    assert "it is scanned, never changed" in output
    assert host.sh(CONFIGURATION) == before
    del extra["check_only"]
    ansible.inventory.write_text(yaml.safe_dump(extra))


def test_isolation_keeps_the_admin_closes_the_rest_and_opens_ssh_but_not_mail_when_nobody_confirms(
    lab: Lab, stage
):
    host, ansible = stage("bookworm", "postfix")

    def open_ports() -> list[int]:
        script = (
            "import socket,sys\n"
            "for port in (22, 25):\n"
            "    try: socket.create_connection((sys.argv[1], port), 2).close(); print(port)\n"
            "    except OSError: pass\n"
        )
        done = lab.attacker.run([sys.executable, "-c", script, host.v4])
        return [int(word) for word in done.stdout.split()]

    assert open_ports() == [22, 25]
    ansible.run(
        "isolate",
        "-e",
        "isolate_level=L3",
        "-e",
        "isolate_dead_man_seconds=8",
        "-e",
        "isolate_owner_agrees=true",
    )
    assert open_ports() == []
    time.sleep(9)
    assert open_ports() == [22], "the dead man opens SSH and never mail"
    ansible.run("isolate", "-e", "isolate_state=absent")
    assert open_ports() == [22, 25]
    assert "auditor" not in host.sh("nft list tables")
