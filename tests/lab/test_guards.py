"""Resolver, packet filter and bans on real hosts: each does its work, none costs mail or the administrator's login."""

import re
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.lab.fixtures import MailHosts
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import RESOLVERS
from tests.lab.test_playbooks import Ansible
from tests.lab.watching import Box, serves, session, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
JAILS = {"exim4": "exim", "opensmtpd": "auditor-opensmtpd", "sendmail": "sendmail-auth"}
PAIRS = [("bookworm", "postfix"), ("trixie", "postfix")]
KNOCK = """
import socket, sys
for port in map(int, sys.argv[2:]):
    try:
        socket.create_connection((sys.argv[1], port), 2).close()
    except OSError:
        continue
    print(port)
"""
GUESS = """
import imaplib, ssl, sys
unnamed = ssl.create_default_context()
unnamed.check_hostname, unnamed.verify_mode = False, ssl.CERT_NONE
forged = '"alice>, method=PLAIN, rip=203.0.113.10, lip=198.51.100.1"'
for name in [forged, *["alice"] * int(sys.argv[2])]:
    try:
        box = imaplib.IMAP4_SSL(sys.argv[1], 993, ssl_context=unnamed, timeout=10)
        box.login(name, "wrong")
    except (OSError, imaplib.IMAP4.error):
        continue
"""


GUESS_TO_SEND = """
import smtplib, ssl, sys
unnamed = ssl.create_default_context()
unnamed.check_hostname, unnamed.verify_mode = False, ssl.CERT_NONE
for helo in ["[203.0.113.10]"] * int(sys.argv[2]):
    try:
        with smtplib.SMTP_SSL(sys.argv[1], 465, helo, timeout=10, context=unnamed) as session:
            session.login("alice", "wrong")
    except (OSError, smtplib.SMTPException):
        continue
"""


@pytest.fixture(scope="module")
def place(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, str], tuple[Host, Ansible]]]:
    made: dict[tuple[str, str], tuple[Host, Ansible]] = {}

    def make(release: str, mta: str) -> tuple[Host, Ansible]:
        if (release, mta) not in made:
            number = 240 + len(made)
            name = f"mx1.guards-{mta}-{release}.example"
            host = lab.host(
                name, release=release, mta=mta, v4=f"198.51.100.{number}", v6=f"2001:db8:100::{number}"
            )
            made[release, mta] = host, Ansible(lab, host, tmp_path_factory.mktemp("guards"))
        return made[release, mta]

    yield make
    for host, _ in made.values():
        lab.drop(host)


def reached(lab: Lab, host: Host, *ports: int) -> list[int]:
    """Ports that an attacker's connections reach."""
    done = lab.attacker.run([sys.executable, "-c", KNOCK, host.v4, *map(str, ports)])
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize(("release", "mta"), PAIRS)
def test_names_are_resolved_although_the_upstream_is_dead_in_the_chroot_too(
    lab: Lab, place, release: str, mta: str
):
    host, ansible = place(release, mta)
    keys = lab.names.ask(".", "DNSKEY").answer[0]
    anchors = "".join(f'  trust-anchor: ". DNSKEY {key}"\n' for key in keys)
    host.write("/etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf", f"server:\n{anchors}")
    ansible.run("resolver", "--check", "--diff")
    assert host.read("/etc/resolv.conf").count("nameserver") == 1

    upstream = ("-e", f'{{"mail_resolvers": ["{RESOLVERS[1]}"]}}')
    assert ansible.run("resolver", *upstream)[1] > 0
    servers = re.findall(r"(?m)^nameserver (\S+)", host.read("/etc/resolv.conf"))
    assert servers == ["127.0.0.1", RESOLVERS[1], RESOLVERS[0]]
    assert host.read("/etc/resolv.conf") == host.read("/var/spool/postfix/etc/resolv.conf")
    assert "203.0.113.10" in host.sh("getent ahostsv4 vantage.example")
    assert serves(lab, host)
    assert ansible.run("resolver", *upstream)[1] == 0

    host.sh("systemctl stop unbound")
    assert "203.0.113.66" in host.sh("getent ahostsv4 attacker.example"), "the second one is asked"
    host.sh("systemctl start unbound")

    host.sh("echo 'nameserver 192.0.2.99' > /var/spool/postfix/etc/resolv.conf")
    assert ansible.run("resolver", *upstream, "--tags", "chroot-resolver-current")[1] == 1
    assert host.read("/etc/resolv.conf") == host.read("/var/spool/postfix/etc/resolv.conf")

    output, _ = ansible.run("resolver", "-e", '{"mail_resolvers": ["192.0.2.99"]}', check=False)
    assert "192.0.2.99 resolves nothing" in output
    assert "192.0.2.99" not in host.read("/etc/resolv.conf")


@pytest.mark.parametrize(("release", "mta"), [("bookworm", "postfix"), ("trixie", "opensmtpd")])
def test_what_no_rule_allows_is_dropped_and_nobody_is_locked_out(lab: Lab, place, release: str, mta: str):
    host, ansible = place(release, mta)
    ansible.run("firewall", "--check", "--diff")
    assert host.sh("nft list tables") == ""
    assert ansible.run("firewall")[1] > 0
    host.sh("setsid python3 -m http.server 8080 >/dev/null 2>&1 &")
    wait_for(lambda: 8080 in host.listening(), "a service that was started by mistake")
    assert reached(lab, host, 22, 25, 143, 8080) == [22, 25, 143]
    assert host.login("id -un", user="root").stdout.strip() == "root"
    assert serves(lab, host)
    assert ansible.run("firewall")[1] == 0, "and what was started by mistake is not let in by a second run"

    host.sh("systemctl restart nftables; systemctl reload nftables")  # it begins with `flush ruleset`
    assert reached(lab, host, 22, 25, 8080) == [22, 25]
    host.reboot()
    host.sh("setsid python3 -m http.server 8080 >/dev/null 2>&1 &")
    wait_for(lambda: 8080 in host.listening(), "it again")
    assert reached(lab, host, 22, 25, 8080) == [22, 25], "rules are there after a reboot"

    narrow = ("-e", '{"mail_admin_networks": ["192.0.2.0/24"]}')
    assert ansible.run("firewall", *narrow)[1] > 0
    assert reached(lab, host, 22, 25) == [25], "SSH is for administrators"
    assert ansible.run("firewall", *narrow)[1] == 0, "one of whom was logged in from elsewhere"


def test_rules_that_nobody_can_confirm_are_taken_away(lab: Lab, place):
    host, ansible = place("trixie", "postfix")
    host.sh("mkdir /etc/systemd/system/auditor-firewall.service")  # where the rules want to be kept
    before = host.sh("nft list ruleset")
    output, _ = ansible.run("firewall", "-e", '{"firewall_tcp_ports": [443]}', check=False)
    assert "undone, everything is as it was" in output
    assert host.sh("nft list ruleset") == before
    assert serves(lab, host)


@pytest.mark.parametrize(("release", "mta"), PAIRS)
def test_who_guesses_passwords_is_banned_and_nobody_else(lab: Lab, place, release: str, mta: str):
    host, ansible = place(release, mta)
    ansible.run("login-guessing", "--check", "--diff")
    assert ansible.run("login-guessing")[1] > 0
    before = reached(lab, host, 22, 25, 993)
    assert {25, 993} <= set(before)  # after the test of the packet filter SSH is for administrators only
    lab.attacker.run([sys.executable, "-c", GUESS, host.v4, "6"], timeout=120)
    wait_for(lambda: "203.0.113.66" in host.sh("fail2ban-client status dovecot"), "the ban", seconds=30)
    assert set(reached(lab, host, 22, 25, 993)) == set(before) - {25, 993}, "mail is closed to the guesser"
    assert "203.0.113.10" not in host.sh("fail2ban-client status dovecot"), (
        "the name that was tried is no address"
    )
    assert serves(lab, host), "others are served"
    host.sh("fail2ban-client unban --all")
    assert reached(lab, host, 22, 25, 993) == before
    assert ansible.run("login-guessing")[1] == 0


@pytest.mark.parametrize(("release", "mta"), [("bookworm", "exim4"), *(("trixie", mta) for mta in JAILS)])
def test_who_guesses_at_465_is_banned_and_who_only_has_wrong_recipients_is_not(
    lab: Lab, mail_host: MailHosts, tmp_path_factory: pytest.TempPathFactory, release: str, mta: str
):
    """A list with old addresses, and every scan of ours, is refused often: fail2ban's own filter of Exim bans both."""
    host = mail_host(release, mta, "hardened")
    jail = JAILS[mta]
    assert Ansible(lab, host, tmp_path_factory.mktemp("guess")).run("login-guessing")[1] > 0
    for _ in range(2):
        with session(lab, host.v4) as smtp:
            smtp.mail("list@vantage.example")
            told = [
                smtp.rcpt(f"{word}@{where}")[0] for word in "abcd" for where in (host.domain, "example.com")
            ]
            assert all(code >= 500 for code in told)
    lab.attacker.run([sys.executable, "-c", GUESS_TO_SEND, host.v4, "6"], timeout=120)
    wait_for(lambda: "203.0.113.66" in host.sh(f"fail2ban-client status {jail}"), "the ban")
    assert "203.0.113.10" not in host.sh(f"fail2ban-client status {jail}"), (
        "refused, or named in the other's EHLO"
    )
    assert serves(lab, host)


@pytest.mark.parametrize(
    ("release", "mta"),
    [("trixie", "postfix"), ("trixie", "exim4"), ("trixie", "opensmtpd"), ("bookworm", "sendmail")],
)
def test_a_null_client_stops_listening_and_goes_on_sending(
    lab: Lab, canary: Box, place, release: str, mta: str
):
    host, ansible = place(release, mta)
    told = ("-e", '{"mail_roles": ["null-client"]}', "--tags", "relay-closed")
    assert 25 in reached(lab, host, 25)
    assert ansible.run("close-relay", *told)[1] > 0
    assert reached(lab, host, 25) == []
    mark = f"null-client-{mta}"
    host.sh(
        f"printf 'Subject: {mark}\\n\\nx\\n' | /usr/sbin/sendmail -f alice@{host.domain} box@canary.example"
    )
    wait_for(lambda: canary.has(mark), "mail of a program of this host", seconds=30)
    assert ansible.run("close-relay", *told)[1] == 0
