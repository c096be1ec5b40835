"""The closed loop on real hosts: found from outside and inside, repaired, found closed by a new scan.

Each mail program and release gets one weak host. The first tests look at it and leave it weak; then it is repaired once,
and the others ask, each in its own way, whether that is true.
"""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from auditor.remedy.shelf import Shelf
from tests.lab.admin import REPOSITORY, Admin
from tests.lab.fixtures import COMBINATIONS
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import Station
from tests.lab.watching import CANARY, Box, unit_of, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

FAMILIES = ("relay", "roles", "logging", "supervision")
"""What an attacker or an accident uses first: the families that the mission names."""

BY_HAND = {
    "service-not-flapping": "Dovecot's configuration has a typing mistake that only a person can mend",
    "helpers-supervised": "Postfix's policy service is a script without a unit; nobody else knows how it is started",
}
"""What no playbook can close on the weak hosts, and why. The finding has to say so itself."""

OWN = {
    "postfix": {
        "/etc/postfix/main.cf": "# our own remark,  keep\nmail_name = Odd but ours\n",
        "/etc/postfix/master.cf": "odd unix - n n - - pipe\n  # kept  as it is\n  flags=R user=nobody argv=/bin/true\n",
        "/etc/postfix/ours": "friend@  OK\n",
    },
    "exim4": {
        "/etc/exim4/exim4.conf.localmacros": "# our own remark,  keep\nOUR_OWN_MACRO =  odd : but : ours\n"
    },
    "opensmtpd": {"/etc/smtpd.conf": "# our own remark,  keep\ntable ours  { odd, ours }\n"},
    "sendmail": {"/etc/mail/sendmail.mc": "dnl our own remark,  keep\n", "/etc/mail/ours": "friend  OK\n"},
}
"""What the admin has of their own, appended before the first scan: it must survive byte for byte."""

MAILBOX = "/home/admin/Maildir/new/1.old"
STUCK = "somebody@stuck.example"
"""A recipient whose mail host does not answer: mail to it waits in the queue."""
FILES = ["/etc", "/var/backups", "/var/lib/auditor", "/root", "/usr/local"]
PROGRAM = {"postfix": "master", "exim4": "exim4", "opensmtpd": "smtpd", "sendmail": "sendmail"}
"""Name of the executable file whose first process is the mail program."""
RESTARTED_WITHIN = 10.0
"""Seconds."""

Key = tuple[str, str]
Findings = Mapping[Key, dict[str, Any]]


@dataclass(kw_only=True)
class Weak:
    """A weak host with things of its own, and what the first scan found."""

    lab: Lab
    host: Host
    folder: Path
    kept: Mapping[str, str]
    """What must survive: name -> text, as it was before anything was repaired."""
    before: Findings = field(default_factory=dict)
    places: int = 0
    """How many addresses have been used to look from."""

    @property
    def unit(self) -> str:
        return unit_of(self.host.release, self.host.mta)

    @property
    def services(self) -> dict[str, int]:
        """Unit -> the first process of its program, 0 where there is none."""
        return {
            self.unit: process(self.host, PROGRAM[self.host.mta]),
            "unbound": process(self.host, "unbound"),
        }

    @property
    def admin(self) -> Admin:
        """Who runs playbooks, at the vantage."""
        return Admin(lab=self.lab, folder=self.folder)

    def auditor(self, *words: str) -> subprocess.CompletedProcess[str]:
        """auditor, from a place that knows its own name."""
        place = self.place()
        helo = f"{place.name}.example" if place else "vantage.example"
        admin = Admin(lab=self.lab, folder=self.folder, at=place)
        return admin.auditor(*words, "-i", "hosts.yml", "--helo", helo)

    def place(self) -> Station | None:
        """The vantage; with Sendmail, which takes ten connections in ten minutes, each time another address."""
        if self.host.mta != "sendmail":
            return None
        self.places += 1
        number = 120 + 2 * COMBINATIONS.index((self.host.release, self.host.mta)) + self.places
        place = self.lab.station(f"place-{number}", f"203.0.113.{number}")
        self.lab.zone(f"{place.name}.example", [f"@ A {place.v4}", f"@ AAAA {place.v6}"])
        self.lab.names.reverse(dict.fromkeys((place.v4, place.v6), f"{place.name}.example"))
        return place

    def start_by_hand(self) -> None:
        done = self.host.login("sudo sh -eu", text=self.host.by_hand)
        assert done.returncode == 0, done.stderr
        wait_for(lambda: 25 in self.host.listening(), "the mail program, started by hand")


@dataclass(kw_only=True)
class Repaired:
    """The same host after `auditor fix --yes`."""

    weak: Weak
    after: Findings
    record: dict[str, Any]
    output: str

    @property
    def host(self) -> Host:
        return self.weak.host

    @property
    def asked(self) -> set[Key]:
        """Findings that it set out to close, those that only the repair brought to light included."""
        return {(result["check"], result["subject"]) for result in self.record["open"]}


def told(findings: Findings) -> dict[Key, tuple[str, str]]:
    """Only what a failed assertion should show."""
    return {key: (f["status"], f["summary"]) for key, f in findings.items()}


def repairable(findings: Findings) -> set[Key]:
    return {key for key, f in findings.items() if f["status"] == "failed" and "playbook" in f["remedy"]}


def read_scan(path: Path) -> dict[Key, dict[str, Any]]:
    report = json.loads(path.read_text(encoding="utf-8"))
    return {(f["check"], f["subject"]): f for target in report["targets"] for f in target["findings"]}


def give_things_of_its_own(host: Host) -> None:
    """The admin's own lines, a mailbox with mail, and a message that waits in the queue."""
    for path, text in OWN[host.mta].items():
        host.sh(f"printf %s {shlex.quote(text)} >> {path}")
    if host.mta == "sendmail":
        host.sh("cd /etc/mail && m4 sendmail.mc > sendmail.cf 2> /dev/null")
    host.write(MAILBOX, "From: a friend\n\nold but dear\n", mode=0o600, owner="admin:admin")
    host.sh("chown -R admin:admin /home/admin/Maildir")
    host.sh(f"printf 'Subject: waits\\n\\nstill here\\n' | /usr/sbin/sendmail -f admin@{host.domain} {STUCK}")
    wait_for(lambda: STUCK in queue(host), "a message in the queue", seconds=30)


def queue(host: Host) -> str:
    return host.run("smtpctl show queue" if host.mta == "opensmtpd" else "mailq").stdout


def kept(host: Host) -> dict[str, str]:
    """What is not the repair's business: accounts, mail, maps."""
    accounts = "getent passwd root admin nosudo; getent shadow root admin nosudo"
    maps = [path for path in OWN[host.mta] if path.endswith("/ours")]
    return {"accounts": host.sh(accounts), **host.sha([MAILBOX, *maps])}


@pytest.fixture(
    scope="module",
    params=COMBINATIONS,
    ids="-".join,
)
def weak(
    request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Weak]:
    release, mta = request.param
    number = 60 + COMBINATIONS.index(request.param)
    lab.zone("stuck.example", ["@ MX 10 mx", "mx A 203.0.113.250"])
    lab.loghost()
    host = lab.host(
        f"mx1.loop-{mta}-{release}.example",
        release=release,
        mta=mta,
        profile="weak",
        v4=f"198.51.100.{number}",
        v6=f"2001:db8:100::{number}",
    )
    give_things_of_its_own(host)
    world = Weak(lab=lab, host=host, folder=tmp_path_factory.mktemp("loop"), kept=kept(host))
    world.admin.inventory(
        host,
        mail_log_host="loghost.example:6514",
        mail_contacts={"owner": {"name": "Anna", "mail": "anna@vantage.example"}},
    )
    families = [word for family in FAMILIES for word in ("--only", family)]
    found = world.auditor("scan", host.name, *families, "--format", "json", "-o", "before.json")
    assert found.returncode == 1, found.stderr
    world.before = read_scan(world.folder / "before.json")
    assert ("relay-closed", host.name) in repairable(world.before), told(world.before)
    yield world
    host.stop()


@pytest.fixture(scope="module")
def repaired(weak: Weak) -> Repaired:
    done = weak.auditor("fix", "before.json", "--yes")
    folder = next((weak.folder / "fixes").iterdir(), None)
    assert folder, done.stderr
    after: dict[Key, dict[str, Any]] = {}
    for scan in sorted(folder.glob("after*.json"), key=lambda path: (len(path.name), path.name)):
        after |= read_scan(scan)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return Repaired(weak=weak, after=after, record=record, output=f"{done.stdout}\n{done.stderr}")


# -- the weak host, which these leave as weak as it was ------------------------------------------------------------------


def test_check_mode_shows_every_repair_and_changes_no_file(weak: Weak):
    before = weak.host.sha(FILES)
    shown = run_playbooks(weak, repairable(weak.before), "--check", "--diff")
    assert shown.returncode == 0, shown.stdout[-3000:]
    assert weak.host.sha(FILES) == before
    assert changed(shown.stdout) > 0
    assert "+++ after" in shown.stdout


def test_a_playbook_that_would_not_reach_the_running_daemon_refuses_and_changes_nothing(weak: Weak):
    if weak.host.mta == "postfix":
        pytest.skip("postfix reload finds its master wherever it was started")
    before = weak.host.sha(FILES)
    done = weak.admin.playbook("close-relay", "--tags", "relay-closed")
    assert done.returncode != 0
    sentence = (
        f"port 25 is served by a process outside of {weak.unit}.service; run the playbook supervision first"
    )
    assert sentence in " ".join(done.stdout.split())
    assert weak.host.sha(FILES) == before


def test_what_was_started_by_hand_stays_dead_when_it_dies(weak: Weak):
    host = weak.host
    for pid in weak.services.values():
        host.kill9(pid)
    time.sleep(RESTARTED_WITHIN)
    assert host.listening().isdisjoint({25, 53})
    weak.start_by_hand()
    assert STUCK in queue(host)


def test_others_see_the_open_relay_too(weak: Weak, canary: Box):
    had = len(canary.mails)
    assert "Server is an open relay" in nmap(weak)
    assert swaks(weak, "--to", CANARY, "--quit-after", "RCPT").returncode == 0
    assert len(canary.mails) == had, "looking handed over mail"


# -- the repaired host ---------------------------------------------------------------------------------------------------


def test_every_finding_with_a_playbook_is_closed_and_the_rest_says_what_to_do_by_hand(repaired: Repaired):
    assert repairable(repaired.weak.before) <= repaired.asked
    now_open = {key for key, finding in repaired.after.items() if finding["status"] == "failed"}
    left = {
        key: repaired.after[key]
        for key in repaired.asked | now_open
        if repaired.after[key]["status"] != "passed"
    }
    needs_playbook = {key: finding for key, finding in left.items() if key[0] not in BY_HAND}
    assert not needs_playbook, f"{told(needs_playbook)}\n{repaired.output}"
    assert all("by_hand" in finding["remedy"] for finding in left.values()), told(left)


def test_nothing_that_passed_before_fails_or_is_hidden_after(repaired: Repaired):
    damaged = {
        key: repaired.after[key]
        for key, finding in repaired.weak.before.items()
        if finding["status"] == "passed" and repaired.after[key]["status"] != "passed"
    }
    assert not damaged, told(damaged)


def test_others_see_a_closed_relay_and_an_open_door_for_our_own_mail(repaired: Repaired):
    seen = nmap(repaired.weak)
    assert "is an open relay" not in seen
    assert re.search(NMAP_CLOSED[repaired.host.mta], seen), seen
    refused = swaks(repaired.weak, "--to", CANARY, "--quit-after", "RCPT")
    assert refused.returncode == SWAKS_RCPT_REFUSED, refused.stdout
    mark = f"loop {time.monotonic_ns()}"
    handed = swaks(repaired.weak, "--to", f"admin@{repaired.host.domain}", "--header", f"Subject: {mark}")
    assert handed.returncode == 0, handed.stdout
    wait_for(lambda: delivered(repaired.host, mark), "the message in the mailbox of admin")


def test_a_second_run_changes_nothing(repaired: Repaired):
    done = run_playbooks(repaired.weak, repaired.asked)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:]
    restless = [line for line in done.stdout.splitlines() if line.startswith(("TASK", "changed:"))]
    assert changed(done.stdout) == 0, "\n".join(restless)


def test_users_mailboxes_queue_and_the_admins_own_lines_are_as_they_were(repaired: Repaired):
    host = repaired.host
    assert kept(host) == repaired.weak.kept
    assert STUCK in queue(host)
    for path, text in OWN[host.mta].items():
        assert text in host.read(path), path


def test_killed_services_are_back_within_ten_seconds_under_their_own_units(repaired: Repaired):
    host, weak = repaired.host, repaired.weak
    dead = weak.services
    for pid in dead.values():
        host.kill9(pid)
    wait_for(
        lambda: {25, 53} <= host.listening() and not set(weak.services.values()) & {0, *dead.values()},
        f"{' and '.join(dead)} to come back",
        seconds=RESTARTED_WITHIN,
    )
    for unit, pid in weak.services.items():
        assert f"/{unit}.service" in host.read(f"/proc/{pid}/cgroup")


# -- other people's tools ------------------------------------------------------------------------------------------------

REFUSED_ALL = "smtp-open-relay: Server doesn't seem to be an open relay"
NMAP_CLOSED = {
    "postfix": REFUSED_ALL,
    "exim4": f"{REFUSED_ALL}|smtp-open-relay: SMTP RSET: failed to receive data",
    "opensmtpd": REFUSED_ALL,
    "sendmail": REFUSED_ALL,
}
"""Exim hangs up on a client with ten commands that are no mail (smtp_accept_max_nonmail), RSET among them; nmap ends there."""
SWAKS_RCPT_REFUSED = 24
"""swaks(1), EXIT CODES: error with RCPT TO."""


def nmap(weak: Weak) -> str:
    """What nmap's own relay test says of port 25: up to sixteen ways around, none further than RCPT."""
    words = "--script smtp-open-relay --script-args smtp-open-relay.domain=canary.example"
    done = at(weak, ["nmap", "-Pn", "-n", "-p", "25", *words.split(), weak.host.v4])
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def swaks(weak: Weak, *words: str) -> subprocess.CompletedProcess[str]:
    """The SMTP client that administrators try things with."""
    return at(
        weak,
        [
            "swaks",
            "--server",
            weak.host.v4,
            "--helo",
            "vantage.example",
            "--from",
            "audit@vantage.example",
            *words,
        ],
    )


def at(weak: Weak, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return weak.lab.exec(argv, at=weak.place())


# -- looking at a host ---------------------------------------------------------------------------------------------------


def run_playbooks(weak: Weak, keys: Iterable[Key], *words: str) -> subprocess.CompletedProcess[str]:
    """The playbooks that close these findings, limited to them, as a person would type it."""
    wanted = {key[0] for key in keys}
    remedies = {key[0]: finding["remedy"] for key, finding in weak.before.items() if key[0] in wanted}
    names = {remedy["playbook"] for remedy in remedies.values()}
    order = [name for name in Shelf(REPOSITORY / "playbooks").order() if name in names]
    assert order, "no playbook is used"
    return weak.admin.playbooks(order, "--tags", ",".join(sorted(wanted)), *words)


def changed(output: str) -> int:
    """Tasks that changed something, over all playbooks of one run."""
    return sum(map(int, re.findall(r"\bchanged=(\d+)", output)))


def process(host: Host, program: str) -> int:
    """The oldest process of the program, whatever it calls itself; 0 when there is none."""
    links = host.run("cd /proc; for pid in [0-9]*; do echo $pid $(readlink $pid/exe); done").stdout
    return min((int(pid) for pid in re.findall(rf"(?m)^(\d+) /\S+/{program}$", links)), default=0)


def delivered(host: Host, mark: str) -> bool:
    return host.run(["grep", "-rqs", mark, "/var/mail", "/home/admin"]).returncode == 0
