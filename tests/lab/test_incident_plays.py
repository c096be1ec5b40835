"""The playbooks of an incident, with plain ansible-playbook: what each does to mail, and that its undo leaves no trace."""

import hashlib
import json
import smtplib
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from auditor.runbook.items import PROLOGUE, of_set
from tests.lab.fixtures import COMBINATIONS
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.profile import LOGIN, PASSWORD, offers_tls
from tests.lab.submitting import refusal, send, submission
from tests.lab.test_playbooks import Ansible
from tests.lab.update import installed, update_waiting
from tests.lab.watching import CANARY, Box, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
SUBMISSION: Final = [(release, mta) for release, mta in COMBINATIONS if offers_tls(mta, release)]
COUNTING: Final = [(release, mta) for release, mta in COMBINATIONS if mta in {"postfix", "exim4"}]
ONE_OF_EACH: Final = [
    ("bookworm", "postfix"),
    ("trixie", "exim4"),
    ("trixie", "opensmtpd"),
    ("bookworm", "sendmail"),
]
"""For what asks nothing of a release; a second run that changes nothing is seen on Debian 12 alone, to spare time."""
PATIENCE: Final = 60
"""Seconds that a message may take on a machine with much to do."""
BOB: Final = "other-Password-77"
CONFIGURATION: Final = {
    "postfix": "/etc/postfix",
    "exim4": "/etc/exim4",
    "opensmtpd": "/etc/smtpd.conf",
    "sendmail": "/etc/mail",
}
TOUCHED: Final = [
    "/etc/dovecot",
    "/etc/systemd/system",
    "/etc/passwd",
    "/etc/shadow",
    "/var/lib/auditor",
    "/usr/local",
]
OWN_WORK: Final = {"/etc/mail/Makefile", "/etc/mail/databases"}
"""Debian's Sendmail writes these anew, with the date, whenever it starts."""
RUN_THE_QUEUE: Final = {
    "postfix": "postqueue -f",
    "exim4": "exim4 -qf",
    "opensmtpd": "smtpctl schedule all",
    "sendmail": "sendmail-mta -q",
}

Place = Callable[[str, str], tuple[Host, Ansible]]


@pytest.fixture(scope="module")
def place(lab: Lab, canary: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A host with submission and the users alice and bob, and the Ansible that looks after it; shared by all tests here."""
    made: dict[tuple[str, str], tuple[Host, Ansible]] = {}

    def make(release: str, mta: str) -> tuple[Host, Ansible]:
        if (release, mta) not in made:
            number = 200 + len(made)
            host = lab.host(
                f"mx1.night-{mta}-{release}.example",
                release=release,
                mta=mta,
                profile="hardened",
                v4=f"198.51.100.{number}",
                v6=f"2001:db8:100::{number}",
            )
            host.sh(f"useradd -m bob; echo bob:{BOB} | chpasswd; chage -E 2040-01-01 bob")
            if mta == "exim4":
                host.sh(f"echo 'bob: bob@{host.domain}' >> /etc/exim4/sender_logins")
            if mta == "postfix":  # five logins a minute are fewer than these tests need
                host.sh("postconf -e smtpd_client_auth_rate_limit=0; postfix reload")
            if mta == "sendmail":  # ten connections in ten minutes are fewer, too
                host.sh(
                    f"echo 'ClientRate:{lab.vantage.v4} 0' >> /etc/mail/access; make -s -C /etc/mail all; systemctl restart sendmail"
                )
            made[release, mta] = host, Ansible(lab, host, tmp_path_factory.mktemp("night"))
        return made[release, mta]

    yield make
    for host, _ in made.values():
        lab.drop(host)


def configuration(host: Host) -> dict[str, str]:
    """What an undo must bring back byte for byte."""
    return {
        path: sha
        for path, sha in host.sha([CONFIGURATION[host.mta], *TOUCHED]).items()
        if path not in OWN_WORK
    }


def hand_in(host: Host, mark: str, to: str = CANARY) -> None:
    sender = f"root@{host.domain}"
    host.sh(f"printf 'Subject: {mark}\\n\\n{mark}\\n' | /usr/sbin/sendmail -f {sender} {to}")


def at_home(host: Host, mark: str) -> bool:
    return host.run(["grep", "-qs", mark, f"/var/mail/{LOGIN}"]).returncode == 0


def shut(login: str) -> tuple[str, str]:
    return "-e", f"suspend_account_login={login}"


def absent(role: str) -> tuple[str, str]:
    return "-e", f"{role}_state=absent"


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_outgoing_mail_waits_while_local_mail_arrives_and_then_goes(
    canary: Box, place: Place, release: str, mta: str
):
    host, ansible = place(release, mta)
    before = configuration(host)
    mark = f"held-{mta}-{release}"
    assert ansible.run("hold-outbound")[1] > 0
    assert release == "trixie" or ansible.run("hold-outbound")[1] == 0
    hand_in(host, mark)
    hand_in(host, f"home-{mark}", f"{LOGIN}@{host.domain}")
    wait_for(lambda: at_home(host, f"home-{mark}"), "local mail", seconds=PATIENCE)
    time.sleep(3)
    assert not canary.has(mark)
    ansible.run("hold-outbound", *absent("hold_outbound"))
    assert configuration(host) == before
    host.run(RUN_THE_QUEUE[mta])
    wait_for(lambda: canary.has(mark), "mail that was held", seconds=PATIENCE)


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_destination_that_is_spared_gets_one_message_a_second(
    canary: Box, place: Place, release: str, mta: str
):
    host, ansible = place(release, mta)
    before = configuration(host)
    spare = ("-e", "throttle_destination_domain=canary.example")
    assert ansible.run("throttle-destination", *spare)[1] > 0
    assert release == "trixie" or ansible.run("throttle-destination", *spare)[1] == 0
    mark = f"slow-{mta}-{release}"
    for _ in range(4):
        hand_in(host, mark)
    wait_for(lambda: len(canary.moments(mark)) == 4, "four messages, one after another", seconds=PATIENCE)
    first, *between = [later - earlier for earlier, later in pairwise(canary.moments(mark))]
    # Postfix's timers tick with the whole seconds of the clock: its first pause is anything up to a second
    assert min(between) > 0.8, (first, between)
    ansible.run("throttle-destination", *spare, *absent("throttle_destination"))
    assert configuration(host) == before
    for _ in range(4):
        hand_in(host, f"fast-{mark}")
    wait_for(lambda: len(canary.moments(f"fast-{mark}")) == 4, "four messages at once", seconds=PATIENCE)


@pytest.mark.parametrize(("release", "mta"), SUBMISSION)
def test_an_account_is_shut_with_the_session_it_has_open_and_let_in_again(
    lab: Lab, place: Place, release: str, mta: str
):
    host, ansible = place(release, mta)
    before = configuration(host)
    with submission(lab, host) as live:
        live.login(LOGIN, PASSWORD)
        send(live, host, "before")
        assert ansible.run("suspend-account", *shut(LOGIN))[1] > 0
        with pytest.raises(smtplib.SMTPServerDisconnected):
            send(live, host, "after")
    assert refusal(lab, host).startswith(("login 535", "550", "554"))
    assert release == "trixie" or ansible.run("suspend-account", *shut(LOGIN))[1] == 0
    ansible.run("suspend-account", *shut(LOGIN), *absent("suspend_account"))
    assert configuration(host) == before
    assert refusal(lab, host) == ""


@pytest.mark.parametrize(
    ("release", "mta"), [("bookworm", "postfix"), ("trixie", "exim4"), ("bookworm", "sendmail")]
)
def test_the_mail_program_alone_refuses_the_account_when_its_password_is_good_again(
    lab: Lab, place: Place, release: str, mta: str
):
    """Dovecot and the system let bob in again behind the playbook's back; the other account of the host may send."""
    host, ansible = place(release, mta)
    before = configuration(host)
    own = ""
    if mta == "postfix":
        host.sh("postconf -P submissions/inet/smtpd_data_restrictions=permit; postfix reload")
        own = host.read("/etc/postfix/master.cf")
    ansible.run("suspend-account", *shut("bob"))
    host.sh("usermod -U -e '' bob; : > /etc/dovecot/auditor-deny-users; doveadm reload")
    host.run("systemctl try-restart saslauthd")
    told = ""

    def logged_in() -> bool:
        nonlocal told
        told = refusal(lab, host, login="bob", password=BOB)
        return not told.startswith("login")

    wait_for(logged_in, "a login of bob", seconds=PATIENCE)
    assert told.startswith(("550", "554")), told
    assert "suspended" in told
    assert refusal(lab, host) == ""
    host.sh("echo bob > /etc/dovecot/auditor-deny-users; usermod -L -e 1 bob")
    ansible.run("suspend-account", *shut("bob"), *absent("suspend_account"))
    assert refusal(lab, host, login="bob", password=BOB) == ""
    if own:
        assert host.read("/etc/postfix/master.cf") == own
        host.sh("postconf -PX submissions/inet/smtpd_data_restrictions; postfix reload")
    assert configuration(host) == before


def test_one_of_two_accounts_comes_back_alone_beside_another_measure(lab: Lab, place: Place):
    host, ansible = place("bookworm", "postfix")
    own = "bounce_queue_lifetime = 2d"
    before = configuration(host)
    ansible.run("suspend-account", *shut(LOGIN))
    ansible.run("throttle-destination", "-e", "throttle_destination_domain=canary.example")
    ansible.run("suspend-account", *shut("bob"))
    host.sh(f"echo '{own}' >> /etc/postfix/main.cf")
    ansible.run("suspend-account", *shut(LOGIN), *absent("suspend_account"))
    assert refusal(lab, host) == ""
    assert refusal(lab, host, login="bob", password=BOB) == "login 535"
    ansible.run("suspend-account", *shut("bob"), *absent("suspend_account"))
    ansible.run(
        "throttle-destination",
        *("-e", "throttle_destination_domain=canary.example"),
        *absent("throttle_destination"),
    )
    assert refusal(lab, host, login="bob", password=BOB) == ""
    assert host.read("/etc/postfix/main.cf").endswith(f"{own}\n"), "what the admin wrote meanwhile"
    host.sh("sed -i '$d' /etc/postfix/main.cf")
    assert configuration(host) == before


def test_rules_of_the_admin_before_data_hold_while_an_account_is_shut(lab: Lab, place: Place):
    host, ansible = place("trixie", "exim4")
    ansible.run("suspend-account", *shut(LOGIN))
    with submission(lab, host) as smtp:
        smtp.login("bob", BOB)
        send(smtp, host, "his own", login="bob")
        with pytest.raises(smtplib.SMTPDataError, match="not owned by bob"):
            send(smtp, host, "not his own", login=LOGIN)
    ansible.run("suspend-account", *shut(LOGIN), *absent("suspend_account"))


def test_the_account_that_administers_the_host_is_not_shut(place: Place):
    host, ansible = place("trixie", "exim4")
    before = configuration(host)
    output, _ = ansible.run("suspend-account", *shut("root"), check=False)
    assert "root is root or the account that administers this host" in output
    assert configuration(host) == before


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_mail_takes_another_way_and_then_its_own_again(canary: Box, place: Place, release: str, mta: str):
    host, ansible = place(release, mta)
    before = configuration(host)
    other = ("-e", "reroute_host=203.0.113.50")
    assert ansible.run("reroute", *other)[1] > 0
    assert release == "trixie" or ansible.run("reroute", *other)[1] == 0
    mark = f"rerouted-{mta}-{release}"
    hand_in(host, mark, "someone@vantage.example")
    wait_for(lambda: canary.has(mark), "mail by the other way", seconds=PATIENCE)
    ansible.run("reroute", *absent("reroute"))
    assert configuration(host) == before
    assert release == "trixie" or ansible.run("reroute", *absent("reroute"))[1] == 0


@pytest.mark.parametrize(("release", "mta"), COUNTING)
def test_the_fourth_message_of_an_account_that_may_send_three_has_to_wait(
    lab: Lab, place: Place, release: str, mta: str
):
    host, ansible = place(release, mta)
    before = configuration(host)
    limits = ("-e", '{"outbound_limits_hour": 3, "outbound_limits_day": 50, "mail_host_run": "limits"}')
    assert ansible.run("outbound-limits", *limits)[1] > 0
    assert ansible.run("outbound-limits", *limits)[1] == 0
    told = [refusal(lab, host) for _ in range(4)]
    assert told[:3] == ["", "", ""]
    assert told[3].startswith("45"), told
    assert "hourly" in told[3]
    assert refusal(lab, host, login="bob", password=BOB) == "", "every account has a limit of its own"
    host.sh("/var/backups/auditor/limits/restore")
    assert configuration(host) == before


WROTE: Final = (
    "find / -xdev -cnewer /run/before ! -path '/var/log/*' ! -path '/var/spool/*' ! -path '/run*'\n"
    "find /var/spool -xdev -cnewer /run/before -type f ! -path '/var/spool/postfix/pid/*'"
)
"""What is on the disk. A login is noted in the logs, Postfix locks what it starts, and mail programs touch the directories of their queues at any time."""
SEEN_LAST: Final = "/etc/systemd/system/odd.txt"
"""A file that only an archive reads: the time of its last access shows whether that was noticed."""


def preserve(ansible: Ansible, store: Path, *arguments: str) -> tuple[str, Path, dict[str, dict[str, Any]]]:
    """What the play said, where the evidence is, and the items of its manifest by name."""
    directory = f"preserve_evidence_directory={store}"
    output, _ = ansible.run("preserve-evidence", "-e", directory, *arguments, check=False)
    (manifest,) = store.glob(f"incident/{ansible.host.name}/*/manifest.json")
    return output, manifest.parent, {one["name"]: one for one in json.loads(manifest.read_text())}


@pytest.mark.parametrize(("release", "mta"), ONE_OF_EACH)
def test_evidence_is_kept_here_with_its_hashes_and_the_suspect_host_is_not_written_on(
    place: Place, tmp_path: Path, release: str, mta: str
):
    host, ansible = place(release, mta)
    hand_in(host, "evidence")
    host.login("sudo true", user="admin")  # sudo notes the first time of all in the admin's home
    host.sh(f"echo odd > {SEEN_LAST}; touch -a -d '-3 days' {SEEN_LAST}")
    host.sh("cp /bin/sleep /tmp/implant; /tmp/implant 300 > /dev/null 2>&1 & sleep 0.2; rm /tmp/implant")
    pending = "/var/backups/auditor/pending.json"
    host.sh(f'mkdir -p {Path(pending).parent}; echo \'{{"a change": "cut in two"}}\' > {pending}; sleep 3')
    accessed = host.sh(f"stat -c %x {SEEN_LAST}; touch /run/before; sleep 0.1").splitlines()[0]
    try:
        output, store, items = preserve(
            ansible, tmp_path, *(("-e", "ansible_user=admin") if mta == "exim4" else ())
        )
        assert host.sh(WROTE) == ""
        assert host.sh(f"stat -c %x {SEEN_LAST}").strip() == accessed
    finally:
        host.sh(f"rm -f {pending} {SEEN_LAST}")
    denied = (
        {"kernel.txt"} if host.login("dmesg", user="root").returncode else set()
    )  # as the machine of the tests allows
    assert {name for name, one in items.items() if one["state"] not in {"kept", "absent"}} == denied, output
    assert f"failed={len(denied)}" in output
    for name, one in items.items():
        if one["state"] == "kept":
            data = (store / name).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (one["bytes"], one["sha256"])
    assert list(items)[:3] == ["clock.txt", "uptime.txt", "sockets.txt"], "what goes first is taken first"
    with tarfile.open(store / "configuration.tar") as kept:
        assert any(name.startswith(CONFIGURATION[mta].lstrip("/")) for name in kept.getnames())
        assert not [name for name in kept.getnames() if name.endswith(".key")]
    with tarfile.open(store / "deleted-programs.tar") as kept:
        assert {member.size for member in kept.getmembers()} == {int(host.sh("stat -c %s /bin/sleep"))}


@pytest.mark.parametrize(("release", "mta"), ONE_OF_EACH)
def test_no_command_of_the_evidence_of_a_runbook_writes_on_the_host(place: Place, release: str, mta: str):
    host, _ = place(release, mta)
    host.sh(f"echo odd > {SEEN_LAST}; touch -a -d '-3 days' {SEEN_LAST}")
    accessed = host.sh(f"stat -c %x {SEEN_LAST}")
    wrote = {}
    for item in of_set("host-full", mta):
        host.sh("touch /run/before; sleep 0.02")
        host.run(["sh", "-c", PROLOGUE + item.text])
        wrote[item.name] = host.sh(WROTE)
    assert {name: found for name, found in wrote.items() if found} == {}
    assert host.sh(f"stat -c %x {SEEN_LAST}; rm {SEEN_LAST}") == accessed


def test_what_could_not_be_read_is_named_and_everything_else_is_kept(place: Place, tmp_path: Path):
    host, ansible = place("trixie", "exim4")
    host.write(
        "/run/half",
        "#!/bin/sh\necho half of the journal\necho 'journal: cannot go on' >&2\nexit 3\n",
        mode=0o755,
    )
    host.sh("mv /usr/bin/ss /usr/bin/ss.away; mount --bind /run/half /usr/bin/journalctl")
    try:
        output, store, items = preserve(ansible, tmp_path, "-e", "preserve_evidence_limit=1")
    finally:
        host.sh("umount /usr/bin/journalctl; mv /usr/bin/ss.away /usr/bin/ss")
    flat = " ".join(output.split())
    assert "failed=1" in flat
    assert (items["sockets.txt"]["state"], items["sockets.txt"]["exit"]) == ("failed", 127)
    assert "NOT WHOLE: sockets.txt: exit 127, sh: 1: ss: not found." in flat
    assert (items["journal.export"]["state"], items["journal.export"]["exit"]) == ("failed", 3)
    assert (store / "journal.export").read_text() == "half of the journal\n", "half is more than nothing"
    assert "NOT WHOLE: journal.export: exit 3, journal: cannot go on." in flat
    assert items["files.txt"]["state"] == "cut"
    assert (store / "files.txt").stat().st_size == 1024 * 1024
    assert items["queue-postfix.json"]["state"] == "absent"
    assert "Programs that are not on this host:" in flat
    assert {
        items[name]["state"] for name in ("clock.txt", "processes.txt", "queue-exim.txt", "packages.txt")
    } == {"kept"}


def connections(lab: Lab, host: Host, ended: threading.Event) -> list[bool]:
    """Whether somebody outside got a connection, four times a second until `ended`."""
    seen = []
    with lab.vantage.entered():
        while not ended.wait(0.25):
            try:
                socket.create_connection((host.v4, 25), timeout=5).close()
            except ConnectionRefusedError:
                seen.append(False)
            else:
                seen.append(True)
    return seen


@pytest.mark.parametrize(("release", "mta"), ONE_OF_EACH)
def test_a_host_takes_no_new_mail_while_it_is_patched_and_then_mail_flows(
    lab: Lab, place: Place, release: str, mta: str
):
    host, ansible = place(release, mta)
    with update_waiting(host, "sleep 5"):
        ended, seen = threading.Event(), []
        watch = threading.Thread(target=lambda: seen.extend(connections(lab, host, ended)))
        watch.start()
        try:
            output, changed = ansible.run("patch-round", "-e", '{"mail_host_run": "patched"}')
        finally:
            ended.set()
            watch.join(30)
        assert changed == 1, output
        assert installed(host) == "2"
        assert False in seen, "nobody was refused during the upgrade"
        assert seen[seen.index(False) :].count(True) > 0, "nobody was let in after it"
        kept = "/var/backups/auditor/patched/round"
        assert "lab-note\t1" in host.read(f"{kept}/packages.txt")
        assert "etc/hostname" in host.sh(f"tar -tf {kept}/etc.tar").splitlines()
        assert "auditor" not in host.sh("nft list tables")
        assert ansible.run("patch-round")[1] == 0


BREAKS: Final = {
    "postfix": "postconf -e inet_interfaces=loopback-only; systemctl restart postfix@- || systemctl restart postfix",
    "exim4": "systemctl mask --now exim4",
    "opensmtpd": "systemctl mask --now opensmtpd",
    "sendmail": "systemctl mask --now sendmail",
}


@pytest.mark.parametrize(("release", "mta"), [("bookworm", "postfix"), ("trixie", "exim4"), ("trixie", "sendmail")])  # fmt: skip
def test_an_upgrade_that_stops_mail_is_taken_back_with_what_it_did_to_the_configuration(
    lab: Lab, place: Place, release: str, mta: str
):
    host, ansible = place(release, mta)
    before = configuration(host)
    with update_waiting(host, BREAKS[mta]):
        output, _ = ansible.run("patch-round", check=False)
        assert "The round stops here: no longer true after the upgrade" in output
        assert "Taken back, mail flows as before" in output
        assert installed(host) == "1"
        assert configuration(host) == before
        assert "auditor" not in host.sh("nft list tables")
