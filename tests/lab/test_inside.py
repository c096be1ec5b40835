"""Looking inside real hosts: as root, through sudo and without, on every mail program and both releases."""

import time
from pathlib import Path

import pytest

from tests.lab.admin import Admin
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.laboratory import Lab

pytestmark = pytest.mark.lab

STOCK_FAILS = {
    "log-retained": "28 days",
    "log-shipped-off-host": "no running daemon",
    "service-restarts-on-failure": "not started again",
    "roles-reach-people": "root",
    "admin-ssh-hardened": "PasswordAuthentication yes",
    "firewall-default-deny": "no packet filter",
}
STOCK_PASSES = (
    "listener-owned-by-unit",
    "service-enabled-at-boot",
    "log-persistent",
    "log-private",
    "mail-log-written",
    "trusted-networks-narrow",
    "relay-restrictions-effective",
    "mta-config-parses",
    "queue-healthy",
    "second-mta-absent",
    "release-supported",
    "administrator-default-absent",
)
HARDENED_PASSES = (
    *STOCK_PASSES,
    "service-restarts-on-failure",
    "helpers-supervised",
    "log-shipped-off-host",
    "roles-reach-people",
    "admin-ssh-hardened",
    "firewall-default-deny",
    "resolver-redundant",
)
UNITS = {("bookworm", "postfix"): "postfix@-.service"}


@pytest.fixture
def scan(lab: Lab, tmp_path: Path):
    def look(host, *words: str, user: str = "root"):
        admin = Admin(lab=lab, folder=tmp_path)
        inventory = admin.inventory(host, user=user)
        found = admin.scan(
            host.name, "-i", str(inventory), "--nameserver", "192.0.2.10", "--timeout", "20", *words
        )
        return {check: finding for (check, subject), finding in found.items() if subject == host.name}

    return look


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_stock_host_fails_what_debian_leaves_open_and_passes_what_it_does_right(
    scan, mail_host: MailHosts, release: str, mta: str
):
    found = scan(mail_host(release, mta), "--inside-only")
    said = {check: (found[check]["status"], found[check]["summary"]) for check in found}
    for check, words in STOCK_FAILS.items():
        assert said[check][0] == "failed", (check, said[check])
        if not (check == "log-retained" and mta == "exim4") and check != "roles-reach-people":
            assert words in said[check][1], (check, said[check])
    assert {check: said[check] for check in STOCK_PASSES if said[check][0] != "passed"} == {}
    assert {check: said[check] for check in said if said[check][0] in {"unknown", "crash"}} == {}


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_the_program_that_runs_is_named_with_its_package(scan, mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta)
    found = scan(host, "--inside-only", "--only", "mta-supported")["mta-supported"]
    broken = (release, mta) == ("bookworm", "opensmtpd")
    assert found["status"] == ("failed" if broken else "passed"), found["summary"]
    (row,) = found["observed"]
    installed = host.sh(f"dpkg-query -W -f '${{Version}}' {row['package']}")
    assert row["version"] == installed


def test_traces_of_backups_and_probes_are_read_off_the_host(scan, mail_host: MailHosts):
    """Where nothing is, the operator is asked; asked by name, nothing seen is unknown."""
    host = mail_host("bookworm", "postfix")
    names = ("backup-recent", "restore-rehearsed", "probe-reaches-rcpt")
    words = tuple(word for name in names for word in ("--only", name))
    before = scan(host, "--inside-only", *words)
    assert {name: before[name]["reason"] for name in names} == dict.fromkeys(names, "not-declared")
    host.sh(
        "mkdir -p /var/lib/auditor /etc/monit/conf.d && touch /var/lib/auditor/restore-rehearsed"
        " && echo 'if failed port 25 protocol smtp then alert' > /etc/monit/conf.d/mail"
    )
    host.write("/etc/systemd/system/mail-backup.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    host.write("/etc/systemd/system/mail-backup.timer", "[Timer]\nOnCalendar=daily\n")
    host.sh("systemctl daemon-reload; systemctl start mail-backup.timer mail-backup.service")
    try:
        after = scan(host, "--inside-only", *words)
    finally:
        host.fresh()
    assert {name: after[name]["status"] for name in names} == {
        "backup-recent": "passed",
        "restore-rehearsed": "passed",
        "probe-reaches-rcpt": "failed",
    }
    assert "mail-backup.service succeeded 0 hours ago" in after["backup-recent"]["summary"]


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_hardened_host_passes(scan, mail_host: MailHosts, release: str, mta: str):
    found = scan(mail_host(release, mta, "hardened"), "--inside-only")
    said = {check: (found[check]["status"], found[check]["summary"]) for check in found}
    wrong = {c: said[c] for c in HARDENED_PASSES if said[c][0] not in {"passed", "not-applicable"}}
    assert wrong == {}
    assert {check: said[check] for check in said if said[check][0] == "crash"} == {}


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_weak_host_s_rules_are_found_open_from_inside(scan, mail_host: MailHosts, release: str, mta: str):
    found = scan(mail_host(release, mta, "weak"), "--inside-only", "--only", "mta")
    assert "failed" in {
        found[c]["status"] for c in ("relay-restrictions-effective", "trusted-networks-narrow")
    }


def test_sudo_sees_what_root_sees_and_a_user_without_it_says_so(scan, mail_host: MailHosts):
    host = mail_host("trixie", "postfix")
    as_root, as_admin, as_nobody = (
        scan(host, "--inside-only", user=user) for user in ("root", "admin", "nosudo")
    )
    assert {c: f["status"] for c, f in as_admin.items()} == {c: f["status"] for c, f in as_root.items()}
    assert as_nobody["listener-owned-by-unit"]["reason"] == "privilege"
    assert as_nobody["mail-log-written"]["reason"] == "privilege"
    assert as_nobody["release-supported"]["status"] == "passed"
    assert "crash" not in {f["status"] for f in as_nobody.values()}


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_daemon_started_in_a_login_session_is_found(
    lab: Lab, scan, mail_host: MailHosts, release: str, mta: str
):
    """Report 004: the unit is stopped, the port answers, and everything looks fine until the next boot."""
    host = mail_host(release, mta)
    unit = UNITS.get((release, mta), f"{mta}.service")
    start = {
        "postfix": "/usr/lib/postfix/sbin/master -w",  # Debian 13's `postfix start` asks systemd to do it
        "exim4": "exim4 -bd -q30m",
        "opensmtpd": "smtpd",
        "sendmail": "/usr/libexec/sendmail/sendmail -Am -L sm-mta -bd -q10m",
    }[mta]
    try:
        host.sh(f"systemctl stop {unit} {mta}.service; sleep 1")
        host.login(f"setsid {start} </dev/null >/dev/null 2>&1; sleep 2", user="root", via=lab.vantage)
        assert 25 in host.listening()
        found = scan(host, "--inside-only", "--only", "supervision")
        assert found["listener-owned-by-unit"]["status"] == "failed"
        assert found["listener-owned-by-unit"]["observed"][0]["kept by"] == "started by hand"
        assert found["service-enabled-at-boot"]["status"] == "failed"
    finally:
        host.fresh()


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_killed_daemon_is_found_though_its_unit_may_say_active(
    scan, mail_host: MailHosts, release: str, mta: str
):
    """probes.md 8.3: after kill -9 Exim and Sendmail of Debian 12 are "active (exited)"."""
    host = mail_host(release, mta)
    try:
        name = {"postfix": "master", "exim4": "exim4", "opensmtpd": "smtpd", "sendmail": "sendmail"}[mta]
        for pid in host.sh(f"pidof {name} || pgrep -f '{name}: MTA'").split():
            host.run(["kill", "-9", pid])
        time.sleep(1)
        assert 25 not in host.listening()
        found = scan(host, "--inside-only", "--only", "supervision")
        assert found["service-restarts-on-failure"]["status"] == "failed"
        assert found["service-not-flapping"]["status"] == "failed"
    finally:
        host.fresh()


def test_looking_inside_leaves_every_file_as_it_was(scan, mail_host: MailHosts):
    """Families without an outside probe, for a mail program that is spoken to writes its own caches."""
    host = mail_host("bookworm", "postfix")
    # Postfix's own services lock a file of theirs when the queue is asked for.
    census = (
        "find /etc /usr /var/lib /var/spool /var/cache -xdev -newer /tmp/before ! -type d"
        " | grep -v -e ^/var/lib/systemd/ -e ^/var/spool/postfix/pid/"
    )
    host.sh("touch /tmp/before; sleep 1")
    families = [word for family in ("supervision", "mta", "queue", "host") for word in ("--only", family)]
    assert scan(host, "--inside-only", *families)["queue-healthy"]["status"] == "passed"
    assert host.run(census).stdout.split() == []
