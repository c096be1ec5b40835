"""The laboratory is what it says it is."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import dns.flags
import dns.rcode
import pytest

from tests.lab import process
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.laboratory import RUN, Lab, sweep
from tests.lab.machine import Host

pytestmark = pytest.mark.lab
WORDS = {"postfix": "Postfix", "exim4": "Exim", "opensmtpd": "OpenSMTPD", "sendmail": "Sendmail"}


def banner(lab: Lab, host: Host, address: str) -> str:
    script = "import socket,sys; s = socket.create_connection((sys.argv[1], 25), 8); s.settimeout(8); print(s.recv(512).decode())"
    done = lab.exec([sys.executable, "-c", script, address])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_stock_host_runs_systemd_and_greets_on_both_address_families(
    lab: Lab, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta)
    assert host.sh("cat /proc/1/comm").strip() == "systemd"
    assert release in host.read("/etc/os-release")
    assert host.sh("systemctl is-system-running").strip() == "running"
    for address in (host.v4, host.v6):
        greeting = banner(lab, host, address)
        assert greeting.startswith(f"220 {host.name} ")
        assert WORDS[mta] in greeting


@pytest.mark.parametrize("user", ["root", "admin", "nosudo"])
def test_ssh_works_with_the_true_host_key_and_gives_each_user_its_rights(
    lab: Lab, mail_host: MailHosts, user: str
):
    host = mail_host("bookworm", "postfix")
    done = host.login("id -un; sudo -n id -u", user=user, via=lab.vantage)
    assert done.stdout.split() == {"root": ["root", "0"], "admin": ["admin", "0"], "nosudo": ["nosudo"]}[user]


def test_ssh_refuses_a_host_whose_key_is_not_the_known_one(lab: Lab, mail_host: MailHosts, tmp_path: Path):
    host = mail_host("bookworm", "postfix")
    forged = tmp_path / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", tmp_path / "other"], check=True)
    forged.write_text(f"{host.v4} {(tmp_path / 'other.pub').read_text(encoding='ascii')}", encoding="ascii")
    argv = [part.replace(str(host.ssh.known_hosts), str(forged)) for part in host.ssh.argv("root", ["true"])]
    done = lab.exec(argv)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_names_resolve_and_validate(lab: Lab, mail_host: MailHosts):
    host = mail_host("bookworm", "postfix")
    lab.zone("signed.example", [f"@ MX 10 {host.name}.", '@ TXT "v=spf1 mx -all"'], signed=True)
    lab.zone("plain.example", ['@ TXT "v=spf1 mx -all"'])
    secure, insecure = lab.names.ask("signed.example", "TXT"), lab.names.ask("plain.example", "TXT")
    assert "v=spf1 mx -all" in secure.answer[0].to_text()
    assert secure.flags & dns.flags.AD
    assert insecure.rcode() == dns.rcode.NOERROR
    assert not insecure.flags & dns.flags.AD
    assert lab.names.ask("no-such.signed.example", "A").rcode() == dns.rcode.NXDOMAIN
    assert lab.exec(["getent", "hosts", host.name]).stdout.split()[0] in {host.v4, host.v6}
    assert host.sh(f"getent hosts {lab.vantage.v4}").split() == [lab.vantage.v4, "vantage.example"]


def test_a_zone_made_bogus_is_a_server_failure(lab: Lab):
    lab.zone("broken.example", ['@ TXT "x"'], signed=True)
    assert lab.names.ask("broken.example", "TXT").rcode() == dns.rcode.NOERROR
    lab.zone("broken.example", ['@ TXT "x"'], bogus=True)
    assert lab.names.ask("broken.example", "TXT").rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize("signed", [False, True])
def test_a_dynamic_zone_takes_updates_with_the_key_only(lab: Lab, signed: bool):
    zone = f"dynamic-{signed}.example".lower()
    lab.zone(zone, ['@ TXT "before"'], signed=signed, dynamic=True)
    key = lab.names.tsig()
    update = f"server {key['server']}\nzone {zone}\nupdate add late.{zone}. 60 TXT after\nsend\n"
    refused = lab.exec(["nsupdate"], input=update)
    assert "REFUSED" in refused.stderr
    taken = lab.exec(["nsupdate", "-y", f"{key['algorithm']}:{key['name']}:{key['secret']}"], input=update)
    assert taken.returncode == 0, taken.stderr
    answer = lab.names.ask(f"late.{zone}", "TXT")
    assert "after" in answer.answer[0].to_text()
    assert bool(answer.flags & dns.flags.AD) is signed


def test_a_blocklist_has_the_test_points_of_rfc_5782(lab: Lab):
    lab.names.blocklist("bl.example", ["198.51.100.10"])
    assert lab.names.ask("2.0.0.127.bl.example", "A").answer[0][0].to_text() == "127.0.0.2"
    assert lab.names.ask("1.0.0.127.bl.example", "A").rcode() == dns.rcode.NXDOMAIN
    assert lab.names.ask("10.100.51.198.bl.example", "A").answer[0][0].to_text() == "127.0.0.2"


def test_without_the_resolver_nothing_resolves(lab: Lab):
    lab.names.resolver_down()
    try:
        assert lab.exec(["getent", "hosts", "ns1.dns.example"]).returncode == 2
    finally:
        lab.names.resolver_up()
    assert lab.exec(["getent", "hosts", "ns1.dns.example"]).returncode == 0


def test_a_host_sees_the_vantage_through_its_gateway_and_nothing_beyond(lab: Lab, mail_host: MailHosts):
    host = mail_host("bookworm", "postfix")
    assert " via 198.51.100.1 " in host.sh(f"ip route get {lab.vantage.v4}")
    assert host.run("ping -c1 -W2 203.0.113.10").returncode == 0
    assert host.run("ping -c1 -W1 198.18.0.1").returncode == 1


@pytest.mark.parametrize(("release", "unit"), [("bookworm", "postfix@-"), ("trixie", "postfix")])
def test_a_stock_postfix_stays_dead_after_kill_9(mail_host: MailHosts, release: str, unit: str):
    host = mail_host(release, "postfix")
    master = int(host.read("/var/spool/postfix/pid/master.pid"))
    try:
        host.kill9(master)
        time.sleep(3)
        assert 25 not in host.listening()
        assert host.run(["systemctl", "is-active", unit]).stdout.strip() == "failed"
    finally:
        host.fresh()
    assert 25 in host.listening()


def test_a_reboot_keeps_the_disk_and_a_fresh_start_does_not(mail_host: MailHosts):
    host = mail_host("bookworm", "opensmtpd")
    before = host.read("/proc/sys/kernel/random/uuid"), host.pid
    host.write("/etc/lab-mark", "kept\n", mode=0o600)
    snapshot = host.snapshot()
    host.reboot()
    assert host.pid != before[1]
    assert host.read("/etc/lab-mark") == "kept\n"
    assert list(host.sha(["/etc/lab-mark"])) == ["/etc/lab-mark"]
    host.fresh()
    assert host.run(["test", "-e", "/etc/lab-mark"]).returncode == 1
    host.restore(snapshot)
    assert host.read("/etc/lab-mark") == "kept\n"
    host.fresh()


def test_inside_can_not_touch_the_machines_clock_or_kernel(mail_host: MailHosts):
    host = mail_host("bookworm", "postfix")
    over_ssh = host.login(
        "sudo date -s @0; sudo sysctl -w kernel.hostname=x kernel.panic=1; sudo sysctl -w net.ipv4.ip_forward=0"
    )
    assert "cannot set date" in over_ssh.stderr
    assert re.search(r"kernel/panic|kernel\.panic", over_ssh.stderr)
    assert "net.ipv4.ip_forward = 0" in over_ssh.stdout


def test_two_laboratories_share_addresses_without_a_clash(lab: Lab):
    with Lab() as other:
        here = lab.host("same.example.net", mta="opensmtpd", v4="198.51.100.77", v6="2001:db8:100::77")
        there = other.host("same.example.net", mta="exim4", v4="198.51.100.77", v6="2001:db8:100::77")
        assert "OpenSMTPD" in banner(lab, here, here.v4)
        assert "Exim" in banner(other, there, there.v4)
        lab.drop(here)
    assert leftovers(other.id) == []


def test_an_error_leaves_nothing_behind():
    def fail():
        with Lab() as lab:
            seen.append(lab.id)
            lab.host(mta="opensmtpd")
            raise KeyboardInterrupt

    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert leftovers(seen[0]) == []


def test_what_a_killed_owner_leaves_is_swept():
    script = (
        "from tests.lab.laboratory import Lab; import time\n"
        "lab = Lab().up(); lab.host(mta='opensmtpd'); print(lab.id, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        lab = owner.stdout.readline().strip()
        os.kill(owner.pid, signal.SIGKILL)
    assert leftovers(lab) != []
    assert lab in sweep()
    assert leftovers(lab) == []


def leftovers(lab: str) -> list[str]:
    """Namespaces, cgroups, mounts and files that name this laboratory."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").split()
    found = [*Path("/run/netns").glob(f"{lab}*"), *Path("/etc/netns").glob(f"{lab}*"), *RUN.glob(f"{lab}*")]
    found += [process.cgroup(lab)] if process.cgroup(lab).exists() else []
    return [str(path) for path in found] + [mount for mount in mounts if lab in mount]


def test_nothing_inside_a_host_may_set_the_machines_clock(mail_host):
    host = mail_host("bookworm", "postfix")
    sys_time = 1 << 25  # CAP_SYS_TIME, capabilities(7)
    status = "grep CapEff /proc/self/status"
    for seen in (host.sh(status), host.login(f"sudo {status}").stdout, host.sh("grep CapEff /proc/1/status")):
        assert int(seen.split()[1], 16) & sys_time == 0
