"""The playbook backup on real hosts: what it saves comes back, whoever takes the host over cannot take it away, and checks say so."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.runbook.format import Use
from tests.lab.admin import Admin
from tests.lab.follower import BOOKS, Follower
from tests.lab.laboratory import Lab
from tests.lab.machine import Host

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
PROGRAMS = "restic rclone"
PASSWORD = "kept-elsewhere-4711"
MAIL = "/home/admin/Maildir/new/1700000000.dear"
TEXT = "From: a friend\n\nold but dear\n"
CONFIGURATION = "find /etc /usr/local/sbin -type f ! -name '*-' -print0 | sort -z | xargs -0 sha256sum"


@pytest.fixture(scope="module")
def store(lab: Lab) -> Iterator[Host]:
    """Another machine of the owner, where backups go."""
    host = lab.host("store.elsewhere.example", v4="198.51.100.240", v6="2001:db8:100::240", packages=PROGRAMS)
    host.sh(
        "useradd --create-home --shell /bin/sh keeper; install -d -m 700 -o keeper -g keeper /home/keeper/.ssh"
    )
    yield host
    host.stop()


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A mail host whose owner wants a backup, and the store that takes it."""

    host: Host
    store: Host
    admin: Admin

    def inventory(self, **variables: object) -> None:
        self.admin.inventory(self.host, **variables)

    def place(self) -> dict[str, str]:
        key = self.store.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
        return {
            "mail_backup_place": f"ssh://keeper@{self.store.v4}",
            "mail_backup_host_key": f"{self.store.v4} {' '.join(key)}",
            "mail_backup_password": PASSWORD,
        }

    def play(self, *words: str) -> tuple[int, str]:
        done = self.admin.playbook("backup", *words)
        return done.returncode, done.stdout + done.stderr

    def changed(self, *words: str) -> int:
        code, output = self.play(*words)
        assert code == 0, output[-3000:]
        return int(output.rpartition("changed=")[2].split()[0])

    def verdict(self, check: str) -> tuple[str, str]:
        done = self.admin.scan("-i", "hosts.yml", "--inside-only", "--only", check)
        finding = done[check, self.host.name]
        return finding["status"], finding["summary"]

    def old(self, name: str, age: str) -> None:
        self.host.sh(f"mkdir -p /var/lib/auditor; touch -d '{age}' /var/lib/auditor/{name}")


FIRST, SECOND = ("bookworm", "postfix"), ("trixie", "exim4")
on_both = pytest.mark.parametrize("saved", [FIRST, SECOND], indirect=True, ids="-".join, scope="module")
on_one = pytest.mark.parametrize("saved", [FIRST], indirect=True, ids="-".join, scope="module")


@pytest.fixture(scope="module")
def saved(
    request: pytest.FixtureRequest, lab: Lab, store: Host, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Saved]:
    release, mta = request.param
    number = 241 + (release == "trixie")
    host = lab.host(
        f"mx1.saved-{mta}-{release}.example",
        release=release,
        mta=mta,
        v4=f"198.51.100.{number}",
        v6=f"2001:db8:100::{number}",
        packages=PROGRAMS,
    )
    host.write(MAIL, TEXT, mode=0o600)
    host.sh(
        "mkdir -p /home/admin/Maildir/cur /home/admin/Maildir/tmp; chown -R admin:admin /home/admin/Maildir"
    )
    world = Saved(host=host, store=store, admin=Admin(lab=lab, folder=tmp_path_factory.mktemp("backup")))
    yield world
    host.stop()


@on_one
def test_without_a_place_nothing_is_changed_and_one_sentence_says_what_is_missing(saved: Saved):
    before = saved.host.sh(CONFIGURATION)
    saved.inventory()
    code, output = saved.play()
    assert code != 0
    assert "Set mail_backup_place in the inventory" in output
    saved.inventory(**saved.place() | {"mail_backup_password": ""})
    assert "Set mail_backup_password from a vault or the environment" in saved.play()[1]
    assert saved.host.sh(CONFIGURATION) == before


@on_both
def test_a_place_that_does_not_let_us_in_is_told_what_to_add_and_leaves_no_timer(saved: Saved):
    saved.inventory(**saved.place())
    code, output = saved.play()
    assert code != 0
    line = next(one for one in output.splitlines() if "rclone serve restic" in one)
    told = " ".join(output.split())
    assert "undone, everything is as it was: `/usr/local/sbin/auditor-backup prepare` failed" in told, output[
        -3000:
    ]
    assert "auditor-backup.timer" not in saved.host.sh("ls /etc/systemd/system")
    entry = json.loads(line.strip().rstrip(","))
    assert entry.startswith('restrict,command="rclone serve restic --stdio --append-only ')
    saved.store.sh(f"printf '%s\\n' {shlex.quote(entry)} >> /home/keeper/.ssh/authorized_keys")
    saved.store.sh("chown keeper: /home/keeper/.ssh/authorized_keys")


@on_both
def test_a_backup_that_was_old_is_made_and_read_back_and_the_checks_pass(saved: Saved):
    saved.old("backup-succeeded", "9 days ago")
    saved.old("restore-rehearsed", "400 days ago")
    assert saved.verdict("backup-recent") == ("failed", "the last backup that succeeded is 9 days old")
    assert saved.verdict("restore-rehearsed")[0] == "failed"

    code, shown = saved.play("--check", "--diff")
    assert code == 0, shown[-3000:]
    assert "auditor-backup.service" not in saved.host.sh("ls /etc/systemd/system")
    code, output = saved.play("-vvv", "--diff")
    assert code == 0, output[-3000:]
    assert PASSWORD not in output
    assert PASSWORD not in saved.host.sh("journalctl --no-pager -q")
    assert saved.verdict("backup-recent")[0] == "passed"
    assert saved.verdict("restore-rehearsed")[0] == "passed"
    record = json.loads(saved.host.read("/var/lib/auditor/backup/rehearsal.json"))
    assert record["files equal"] > 200
    assert {"/etc", "/home/admin/Maildir"} <= set(record["restored"])
    manifest = json.loads(saved.host.read("/var/lib/auditor/backup/manifest.json"))
    assert manifest["/home/admin/Maildir"] == 1
    assert saved.changed() == 0


@on_both
def test_a_mailbox_that_was_destroyed_comes_back_byte_for_byte(saved: Saved):
    before = saved.host.sha(["/home/admin/Maildir"])
    owner = saved.host.sh(f"stat -c '%U %a' {MAIL}")
    saved.host.sh("rm -rf /home/admin/Maildir")
    saved.host.sh("auditor-backup restore / /home/admin/Maildir")
    assert saved.host.sha(["/home/admin/Maildir"]) == before
    assert saved.host.sh(f"stat -c '%U %a' {MAIL}") == owner


@on_both
def test_a_runbook_fetches_lost_mail_counts_it_and_leaves_new_mail_alone(saved: Saved):
    host, lost = saved.host, "/home/admin/Maildir"
    release = "bookworm" if host.mta == "postfix" else "trixie"
    runbook = Follower(host, release, "storage-loss", restore_to="/srv/restored", lost_path=lost)
    host.sh(
        f"rm -rf {lost}; mkdir -p {lost}/new {lost}/cur {lost}/tmp; echo today > {lost}/new/1800000000.fresh"
    )
    runbook.must("fetch", Use.DO)
    assert f"{lost}: 1 of 1 messages" in runbook.must("fetch", Use.VERIFY)
    host.sh(f"rm /srv/restored{MAIL}")
    short = runbook.run("fetch", Use.VERIFY)
    assert (short.returncode, f"{lost}: 0 of 1 messages" in short.stderr) == (1, True)
    assert host.run(["test", "-e", MAIL]).returncode == 1, "nothing comes over the mailbox in use"
    runbook.must("fetch", Use.DO)

    printed = re.search(r"`(tar -cf .* MAILBOX)`", (BOOKS / "storage-loss.md").read_text())
    assert printed is not None
    host.sh(printed[1].replace("RESTORED", f"/srv/restored{lost}").replace("MAILBOX", lost))
    assert host.sh(f"cat {MAIL} {lost}/new/1800000000.fresh; stat -c %U {MAIL}") == f"{TEXT}today\nadmin\n"
    assert "1 of 1" not in host.sh(f"auditor-backup compare / {lost}"), "the new one is counted as well"
    for _ in range(2):
        runbook.must("fetch", Use.UNDO)
    assert host.sh("ls /srv") == "restored.not-wanted\n"
    host.sh(f"rm -r /srv/restored.not-wanted {lost}/new/1800000000.fresh; chown -R admin:admin {lost}")


@on_one
def test_whoever_takes_the_host_over_can_neither_delete_the_backups_nor_log_in_at_the_store(saved: Saved):
    listed = saved.host.sh("auditor-backup restic snapshots --json --tag auditor")
    newest = json.loads(listed)[-1]["id"]
    saved.host.run(f"auditor-backup restic forget --prune {newest}")
    assert newest in saved.host.sh("auditor-backup restic snapshots --json --tag auditor")
    key = "ssh -i /etc/auditor/backup.key -o UserKnownHostsFile=/etc/auditor/backup.known_hosts -o BatchMode=yes"
    taken = saved.host.run(f"{key} keeper@{saved.store.v4} rm -rf /home/keeper < /dev/null", timeout=20)
    assert "authorized_keys" in saved.store.sh("ls /home/keeper/.ssh"), taken.stdout
    text = saved.store.run(["grep", "-rl", "old but dear", "/home/keeper"]).stdout
    assert text == "", "the store cannot read what it keeps"


@on_one
def test_a_backup_that_fails_is_no_backup_and_a_rehearsal_notices_rotten_bytes(saved: Saved):
    before = saved.host.sh("stat -c %Y /var/lib/auditor/backup-succeeded")
    saved.store.sh("mv /home/keeper/.ssh/authorized_keys /home/keeper/.ssh/away")
    try:
        assert saved.host.run("systemctl start auditor-backup.service").returncode != 0
        assert saved.host.sh("stat -c %Y /var/lib/auditor/backup-succeeded") == before
        status, summary = saved.verdict("backup-recent")
        assert status == "passed", f"the last good one is a minute old: {summary}"
        saved.old("backup-succeeded", "3 days ago")
        status, summary = saved.verdict("backup-recent")
        assert status == "failed"
        assert "auditor-backup.service failed" in summary
    finally:
        saved.store.sh("mv /home/keeper/.ssh/away /home/keeper/.ssh/authorized_keys")
    saved.host.sh("systemctl start auditor-backup.service")
    assert saved.verdict("backup-recent")[0] == "passed"

    # The same size and time, other bytes: what a failing disk does.
    saved.host.sh(
        f"t=$(stat -c %y {MAIL}); printf 'From: a friend\\n\\nold but DEAR\\n' > {MAIL}; touch -d \"$t\" {MAIL}; "
        "touch -d '+1 day' /var/lib/auditor/backup-succeeded"
    )
    rehearsed = saved.host.run("auditor-backup rehearse")
    assert rehearsed.returncode != 0
    assert f"{MAIL} came back with other bytes" in rehearsed.stderr


@on_one
def test_a_place_where_we_can_delete_is_refused_unless_the_owner_accepts_that(saved: Saved):
    but_the_password = CONFIGURATION.replace("! -name", "! -name backup.secret ! -name", 1)
    before = saved.host.sh(but_the_password)
    mount = {"mail_backup_place": "/srv/backup", "mail_backup_password": PASSWORD}
    saved.inventory(**mount)
    code, output = saved.play()
    assert code != 0
    assert "whoever takes this host over could delete its backups" in " ".join(output.split())
    assert saved.host.sh(but_the_password) == before
    saved.inventory(**mount, backup_append_only=False, backup_keep={"last": 1})
    saved.host.sh("rm -f /var/lib/auditor/backup-succeeded")
    assert saved.changed("--tags", "backup-recent") > 0
    kept = json.loads(saved.host.sh("auditor-backup restic snapshots --json --tag auditor"))
    assert len(kept) == 1


@on_one
def test_the_line_that_puts_back_what_was_there_before_the_backup_works(saved: Saved):
    runs = saved.host.sh("ls -d /var/backups/auditor/2*").split()
    saved.host.sh(f"{Path(runs[-1]) / 'restore'}")
    assert json.loads(saved.host.read("/etc/auditor/backup.json"))["repository"] == "rclone:"
