"""Isolation on a real host that has a firewall of its own: who still gets in, what stays shut, what a reboot and a rival do."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.runbook.state import Progress
from auditor.runbook.world import Outcome
from tests.lab.admin import Admin
from tests.lab.follower import Follower
from tests.lab.incident import Desk, Sink
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import Station
from tests.lab.watching import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
DOORS = (22, 25, 465, 993)
DEAD_MAN = 8
ANSWERED_WITHIN = 1.5
FAIL2BAN = """
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends fail2ban > /dev/null 2>&1
printf '[DEFAULT]\\nbackend = polling\\nbanaction = nftables\\n[sshd]\\nenabled = true\\n' > /etc/fail2ban/jail.local
touch /var/log/auth.log
systemctl restart fail2ban
"""
UFW = """
ufw allow 22/tcp > /dev/null
ufw allow 25/tcp > /dev/null
sed -i 's/^ENABLED=.*/ENABLED=yes/' /etc/ufw/ufw.conf
systemctl enable ufw
"""


@pytest.fixture(scope="module")
def host(lab: Lab) -> Iterator[Host]:
    """Hardened: a rule set of the site, loaded at boot, and fail2ban, which writes rules when it likes."""
    host = lab.host("mx1.island.example", profile="hardened", v4="198.51.100.83", v6="2001:db8:100::83")
    try:
        host.sh(FAIL2BAN)
        yield host
    finally:
        lab.drop(host)


@pytest.fixture
def walled(lab: Lab) -> Iterator[Host]:
    """As Debian made it, behind ufw with its usual rules and two doors."""
    host = lab.host("mx1.wall.example", v4="198.51.100.84", v6="2001:db8:100::84", packages="ufw", setup=UFW)
    try:
        yield host
    finally:
        lab.drop(host)


@pytest.fixture
def admin(lab: Lab, host: Host, tmp_path: Path) -> Admin:
    return administrator(lab, host, tmp_path)


def administrator(lab: Lab, host: Host, folder: Path, **said: Any) -> Admin:
    """`said` is what else the inventory says, and `user` who logs in."""
    admin = Admin(lab=lab, folder=folder)
    networks = [f"{lab.vantage.v4}/32", f"{lab.vantage.v6}/128"]
    admin.inventory(host, mail_admin_networks=networks, **said)
    return admin


def isolate(admin: Admin, state: str, *, level: str = "L3", dead_man: int = 600, agreed: bool = True) -> None:
    done = asked(
        admin,
        isolate_level=level,
        isolate_state=state,
        isolate_dead_man_seconds=dead_man,
        isolate_owner_agrees=agreed,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def asked(admin: Admin, **variables: object) -> subprocess.CompletedProcess[str]:
    """The playbook with these variables; its exit code is the caller's."""
    return admin.playbook("isolate", "-e", json.dumps(variables))


def opened(station: Station, host: Host) -> dict[str, list[int]]:
    """Which doors of the host open from there, by family; all are tried at once."""
    tried: list[tuple[str, int, socket.socket]] = []
    with station.entered(), contextlib.ExitStack() as stack:
        for family, address in (("IPv4", host.v4), ("IPv6", host.v6)):
            for port in DOORS:
                kind = socket.AF_INET6 if ":" in address else socket.AF_INET
                door = stack.enter_context(socket.socket(kind, socket.SOCK_STREAM))
                door.setblocking(False)
                door.connect_ex((address, port))
                tried.append((family, port, door))
        time.sleep(ANSWERED_WITHIN)
        found: dict[str, list[int]] = {"IPv4": [], "IPv6": []}
        for family, port, door in tried:
            with contextlib.suppress(OSError):
                door.getpeername()  # only a connection has one
                found[family].append(port)
    return found


def everything() -> dict[str, list[int]]:
    return {"IPv4": list(DOORS), "IPv6": list(DOORS)}


def nothing() -> dict[str, list[int]]:
    return {"IPv4": [], "IPv6": []}


def logs_in(lab: Lab, host: Host, address: str) -> bool:
    """A new login of the administrator over this address of the host."""
    argv = [word.replace(host.v4, address) for word in host.ssh.argv("root", ["true"])]
    return lab.vantage.run([*argv[:1], "-o", "StrictHostKeyChecking=no", *argv[1:]]).returncode == 0


@contextlib.contextmanager
def open_session(lab: Lab, host: Host) -> Iterator[Callable[[], bool]]:
    """A login that stays open, and whether it still answers."""
    argv = host.ssh.argv("root", ["cat"])
    with lab.vantage.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:

        def answers() -> bool:
            session.stdin.write("still there\n")
            session.stdin.flush()
            return session.stdout.readline() == "still there\n"

        try:
            assert answers()
            yield answers
        finally:
            session.kill()


@contextlib.contextmanager
def mail_session(station: Station, host: Host) -> Iterator[Callable[[], bool]]:
    """An SMTP session that stays open, and whether the server still answers in it."""
    with station.entered():
        session = socket.create_connection((host.v4, 25), timeout=20)
    with session:

        def answers() -> bool:
            session.settimeout(2)
            session.sendall(b"NOOP\r\n")
            try:
                return session.recv(200)[:3] == b"250"
            except TimeoutError:
                return False

        assert session.recv(200)[:3] == b"220"
        assert answers()
        yield answers


def egress(host: Host) -> set[str]:
    """Where the host itself still reaches port 25."""
    reached = set()
    for address in ("203.0.113.66", "2001:db8:203::66"):
        tried = host.run(f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/25' 2>&1").stdout
        if "refused" in tried or not tried:  # the far side answered
            reached.add(address)
    return reached


def own_rules(host: Host) -> str:
    return host.sh("nft list table inet filter")


def test_an_isolation_keeps_the_admin_shuts_all_else_and_leaves_the_rules_of_the_site_alone(
    lab: Lab, host: Host, admin: Admin
):
    before = own_rules(host)
    assert opened(lab.attacker, host) == everything()
    assert egress(host) == {"203.0.113.66", "2001:db8:203::66"}
    with open_session(lab, host) as still_there, mail_session(lab.attacker, host) as still_served:
        isolate(admin, "present")
        assert opened(lab.attacker, host) == nothing()
        assert egress(host) == set()
        assert still_there(), "the session from before"
        assert not still_served(), "a session of a stranger from before"
    assert logs_in(lab, host, host.v4)
    assert logs_in(lab, host, host.v6)
    assert own_rules(host) == before

    host.sh("systemctl restart fail2ban")
    wait_for(lambda: host.run("fail2ban-client ping").returncode == 0, "fail2ban")
    host.sh("fail2ban-client set sshd banip 203.0.113.99")
    assert host.run("systemctl restart nftables").returncode != 0, (
        "its rule file would begin by emptying everything"
    )
    assert opened(lab.attacker, host) == nothing()

    isolate(admin, "confirmed")
    host.reboot()
    wait_for(lambda: logs_in(lab, host, host.v4), "a login after the reboot", seconds=60)
    assert host.run("systemctl restart nftables").returncode != 0, "not after the reboot, either"
    assert opened(lab.attacker, host) == nothing()
    assert egress(host) == set()

    isolate(admin, "absent")
    assert opened(lab.attacker, host) == everything()
    assert "auditor" not in host.sh("nft list tables")
    assert own_rules(host) == before
    assert host.sh("systemctl is-enabled nftables") == "enabled\n"
    assert host.run("systemctl restart nftables").returncode == 0


def test_a_missed_confirmation_opens_ssh_to_all_and_mail_to_nobody(lab: Lab, host: Host, admin: Admin):
    isolate(admin, "present", dead_man=DEAD_MAN)
    wait_for(lambda: opened(lab.attacker, host)["IPv4"] == [22], "SSH for everybody", seconds=30)
    time.sleep(1)
    assert opened(lab.attacker, host) == {"IPv4": [22], "IPv6": [22]}
    assert egress(host) == set()
    look = Follower(host, "bookworm", "host-compromise").probe
    assert look("isolation.active") == Outcome.ok("“SSH is open for everybody: nobody confirmed in time”")
    isolate(admin, "present")  # asked again, it does not take the opened rules for its own
    assert opened(lab.attacker, host) == nothing()
    assert look("isolation.active") == Outcome.ok("loaded")
    host.sh("nft delete table inet auditor_iso")
    assert look("isolation.active").result is Progress.FAILED, "the other table is still there"
    isolate(admin, "absent")
    assert opened(lab.attacker, host) == everything()
    assert look("isolation.active").result is Progress.FAILED


def test_a_host_that_mail_depends_on_is_shut_in_when_its_owner_agrees_and_confirmed_through_sudo(
    lab: Lab, host: Host, tmp_path: Path
):
    admin, before = administrator(lab, host, tmp_path, user="admin"), host.sh("postconf -n")
    refused = asked(admin, isolate_level="L3")
    assert refused.returncode != 0
    assert (
        "Refused: mx1.island.example is the last one known to take mail for island.example (no other MX host is published); "
        "nothing was changed, and isolate_owner_agrees=true isolates it nevertheless."
    ) in refused.stdout
    through = f"ssh -i {host.ssh.key} -o UserKnownHostsFile={host.ssh.known_hosts} -W %h:%p admin@{host.v4}"
    known = f"-o UserKnownHostsFile={host.ssh.known_hosts} -o ProxyCommand='{through}'"
    admin.inventory(host, user="admin", ansible_ssh_common_args=known, ansible_ssh_args="-o ControlPath=none")
    assert "Refused: mx1.island.example is the machine that this runs on" in asked(admin).stdout
    assert "auditor" not in host.sh("nft list tables")
    assert host.sh("postconf -n") == before, "not even outgoing mail is held"

    lab.zone(
        "twin.example",
        ["@ MX 10 mx1.island.example.", "@ MX 20 mx2.twin.example.", "mx2 A 203.0.113.78"],
    )
    administrator(
        lab,
        host,
        tmp_path,
        user="admin",
        mail_domains=["twin.example"],
        mail_host_probe_recipients=["postmaster@island.example"],
    )
    with Sink(lab, tmp_path, name="mx2", v4="203.0.113.78"):
        isolate(admin, "present", agreed=False)
    assert opened(lab.attacker, host) == nothing()
    isolate(admin, "confirmed")
    isolate(admin, "absent")
    assert opened(lab.attacker, host) == everything()
    assert host.sh("postconf -n") == before


def test_an_engine_that_is_killed_goes_on_and_a_rule_set_that_was_reloaded_is_noticed(
    lab: Lab, host: Host, tmp_path: Path
):
    desk = Desk(lab, host, tmp_path, {"shut-in": {"lost": "again"}})
    desk.open("host-compromise")
    host.sh("rm -f /run/auditor/isolation.nft")
    loaded = ["test", "-e", "/run/auditor/isolation.nft"]
    desk.killed(["run", "--step", "shut-in"], lambda: host.run(loaded).returncode == 0)
    assert desk.status()["interrupted"] == ["host-compromise/shut-in"]
    assert [one["step"] for one in desk.status()["temporary"]] == ["host-compromise/shut-in"]
    assert desk.incident("resume").returncode == 0
    assert desk.ended("shut-in")["result"] == "ok"
    assert {one["data"]["role"] for one in desk.entries() if one["kind"] == "approval"} == {"owner"}
    assert "dead-man:host-compromise/shut-in" in {one["name"] for one in desk.status()["timers"]}
    assert opened(lab.attacker, host) == nothing()

    host.sh("systemctl unmask --runtime nftables; systemctl restart nftables")
    assert opened(lab.attacker, host) == everything(), "an admin who knows better"
    desk.step("frame/frame-declare")
    assert [one["step"] for one in desk.entries() if one["kind"] == "temp.lost"] == ["shut-in"]
    assert opened(lab.attacker, host) == nothing()

    assert desk.incident("undo", "shut-in").returncode == 0
    assert opened(lab.attacker, host) == everything()
    assert desk.auditor("incident", "verify").returncode == 0


def ufw_rules(host: Host) -> str:
    """What ufw loaded, without how many packets met it."""
    return host.sh(
        "{ ufw status verbose; iptables-save; ip6tables-save; } | sed -E '/^#/d; s/\\[[0-9]+:[0-9]+\\]//'"
    )


def test_beside_ufw_the_isolation_holds_whatever_ufw_does_and_leaves_its_rules_as_they_were(
    lab: Lab, walled: Host, tmp_path: Path
):
    admin, before = administrator(lab, walled, tmp_path), ufw_rules(walled)
    assert "Status: active" in before
    assert opened(lab.attacker, walled) == {"IPv4": [22, 25], "IPv6": [22, 25]}
    with open_session(lab, walled) as still_there:
        isolate(admin, "present")
        assert opened(lab.attacker, walled) == nothing()
        for rival in ("ufw reload", "ufw disable && ufw --force enable", "ufw allow 993/tcp"):
            walled.sh(rival)
            assert opened(lab.attacker, walled) == nothing(), rival
        walled.sh("ufw delete allow 993/tcp")
        assert still_there()
    isolate(admin, "confirmed")
    walled.reboot()
    wait_for(lambda: logs_in(lab, walled, walled.v6), "a login after the reboot", seconds=60)
    assert "Status: active" in walled.sh("ufw status")
    assert opened(lab.attacker, walled) == nothing()
    assert egress(walled) == set()
    isolate(admin, "absent")
    assert opened(lab.attacker, walled) == {"IPv4": [22, 25], "IPv6": [22, 25]}
    assert ufw_rules(walled) == before
