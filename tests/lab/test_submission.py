"""The playbook submission on real hosts: users get in with their password within TLS, under their own names, nobody else does."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.lab.admin import Admin
from tests.lab.fixtures import COMBINATIONS
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import Station
from tests.lab.test_fix import read_scan
from tests.lab.test_playbooks import CONFIGURATION, Ansible
from tests.lab.watching import Box, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
PASSWORD = "correct horse"
ALIAS = "sales@elsewhere.example"
"""An address that the inventory gives to alice."""
VARIABLES = {
    "mail_roles": ["mx", "submission", "mailbox"],
    "mail_certificate": {"chain": "/etc/ssl/mail/chain.pem", "key": "/etc/ssl/mail/key.pem"},
    "mail_senders": {"alice": [ALIAS]},
}
CANNOT = ("bookworm", "opensmtpd")
SPLIT = ("bookworm", "exim4")
"""Exim there in Debian's split layout, on Debian 13 in a single file."""
CLOSED_BY_IT = (
    "submission-available",
    "sender-bound-to-login",
    "auth-after-tls-only",
    "relay-submission-closed",
)

TALK = """
import json, smtplib, ssl, sys
address, own, others = sys.argv[1:]
unnamed = ssl.create_default_context()
unnamed.check_hostname, unnamed.verify_mode = False, ssl.CERT_NONE
seen = {}
with smtplib.SMTP(address, 25, "vantage.example", timeout=30) as smtp:
    smtp.ehlo()
    clear = smtp.has_extn("auth")
    if smtp.has_extn("starttls"):
        smtp.starttls(context=unnamed)
        smtp.ehlo()
    seen["AUTH at port 25"] = clear or smtp.has_extn("auth")
with smtplib.SMTP(address, 587, "vantage.example", timeout=30) as smtp:
    smtp.ehlo()
    seen["AUTH in the clear"] = smtp.has_extn("auth")
    seen["accepted in the clear"] = smtp.mail(own)[0] < 400
    smtp.rset()
    smtp.starttls(context=unnamed)
    smtp.ehlo()
    seen["accepted without a login"] = smtp.mail(own)[0] < 400 and smtp.rcpt("box@canary.example")[0] < 400
with smtplib.SMTP_SSL(address, 465, "vantage.example", context=unnamed, timeout=30) as smtp:
    try:
        smtp.login("alice", "wrong")
        seen["a wrong password"] = 235
    except smtplib.SMTPAuthenticationError as error:
        seen["a wrong password"] = error.smtp_code
with smtplib.SMTP_SSL(address, 465, "vantage.example", context=unnamed, timeout=30) as smtp:
    smtp.login("alice", "correct horse")
    for name, sender in (("somebody else", others), ("herself", own), ("her alias", "sales@elsewhere.example")):
        seen["as " + name] = smtp.mail(sender)[0] < 400 and smtp.rcpt("box@canary.example")[0] < 400
        smtp.rset()
print(json.dumps(seen))
"""
SEEN = {
    "AUTH at port 25": False,
    "AUTH in the clear": False,
    "accepted in the clear": False,
    "accepted without a login": False,
    "a wrong password": 535,
    "as somebody else": False,
    "as herself": True,
    "as her alias": True,
}
Stage = Callable[..., tuple[Host, Ansible]]


@pytest.fixture(scope="module")
def stage(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A host that serves users, with a certificate on its disk and an account for alice, and the Ansible that looks after it."""
    lab.loghost()

    def make(release: str, mta: str, profile: str = "stock", purpose: str = "users") -> tuple[Host, Ansible]:
        number = {"users": 170, "kept": 180, "undone": 160, "logins": 160}[purpose] + COMBINATIONS.index(
            (release, mta)
        )
        name = f"mx1.{purpose}-{mta}-{release}.example"
        host = lab.host(
            name,
            release=release,
            mta=mta,
            profile=profile,
            v4=f"198.51.100.{number}",
            v6=f"2001:db8:100::{number}",
        )
        ansible = Ansible(lab, host, tmp_path_factory.mktemp("users"))
        if profile == "stock":
            serve_users(lab, host, ansible)
            if (release, mta) == SPLIT:
                host.sh(
                    "sed -i \"s/^dc_use_split_config=.*/dc_use_split_config='true'/\" /etc/exim4/update-exim4.conf.conf; "
                    "systemctl restart exim4"
                )
        else:
            set_inventory(ansible, mail_roles=VARIABLES["mail_roles"])
        return host, ansible

    return make


def serve_users(lab: Lab, host: Host, ansible: Ansible) -> None:
    """An account for alice, Dovecot, and a certificate whose key the mail program may read."""
    certificate = VARIABLES["mail_certificate"]
    set_inventory(ansible, **VARIABLES)
    credential = lab.authority.issue(host.name, host.v4, host.v6)
    host.sh(f"mkdir -p /etc/ssl/mail; useradd --create-home alice; echo 'alice:{PASSWORD}' | chpasswd")
    host.write(certificate["chain"], credential.certificate, mode=0o644)
    host.write(certificate["key"], credential.key, mode=0o600)
    if host.mta == "exim4":
        host.sh(f"chgrp Debian-exim {certificate['key']}; chmod 0640 {certificate['key']}")
    host.sh("systemctl start dovecot")


def set_inventory(ansible: Ansible, **variables: object) -> None:
    inventory = yaml.safe_load(ansible.inventory.read_text(encoding="utf-8"))
    [mine] = inventory["mail_hosts"]["hosts"].values()
    mine |= variables
    ansible.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")


def hand_in(lab: Lab, host: Host, mark: str, recipient: str, *door: str, domain: str = "") -> None:
    """As an administrator would try it."""
    login = ["--auth", "PLAIN", "--auth-user", "alice", "--auth-password", PASSWORD]
    people = ["--from", f"alice@{domain or host.domain}", "--to", recipient, "--header", f"Subject: {mark}"]
    done = lab.exec(["swaks", "--server", host.v4, "--helo", "vantage.example", *door, *login, *people])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("pair", [pair for pair in COMBINATIONS if pair != CANNOT], ids="-".join)
def test_users_get_in_within_tls_under_their_own_names_and_nobody_else(
    lab: Lab, stage: Stage, canary: Box, tmp_path: Path, pair: tuple[str, str]
):
    host, ansible = stage(*pair)
    place = another_place(lab, pair)
    admin = Admin(lab=lab, folder=tmp_path, at=place)
    admin.inventory(host, **VARIABLES)
    before = host.sh(CONFIGURATION)
    ansible.run("submission", "--check", "--diff")
    assert host.sh(CONFIGURATION) == before
    words = [word for check in CLOSED_BY_IT for word in ("--only", check)]
    fixed = admin.auditor(
        "fix", host.name, "-i", "hosts.yml", "--yes", "--helo", f"{place.name}.example", *words
    )
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    [after] = (tmp_path / "fixes").glob("*/after.json")
    told = {
        check: (finding["status"], finding["summary"]) for (check, _), finding in read_scan(after).items()
    }
    assert {check: told[check][0] for check in CLOSED_BY_IT} == dict.fromkeys(CLOSED_BY_IT, "passed"), told

    own, others = f"alice@{host.domain}", f"admin@{host.domain}"
    done = lab.exec(["python3", "-c", TALK, host.v4, own, others])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == SEEN
    mark = f"users-{'-'.join(pair)}"
    hand_in(lab, host, f"{mark}-587", "box@canary.example", "--port", "587", "--tls")
    hand_in(lab, host, f"{mark}-465", "box@canary.example", "--port", "465", "--tls-on-connect")
    hand_in(lab, host, f"{mark}-own", own, "--port", "465", "--tls-on-connect")
    for door in ("587", "465"):
        wait_for(lambda door=door: canary.has(f"{mark}-{door}"), f"alice's mail by {door} at the canary")
    boxes = ["grep", "-rqs", f"{mark}-own", "/var/mail", "/home/alice"]
    wait_for(lambda: host.run(boxes).returncode == 0, "alice's mail in her own mailbox")

    assert ansible.run("submission")[1] == 0
    host.stop()


def another_place(lab: Lab, pair: tuple[str, str]) -> Station:
    """Debian's Sendmail takes ten connections in ten minutes from one address, and the vantage makes some of its own."""
    number = 150 + COMBINATIONS.index(pair)
    place = lab.station(f"users-{number}", f"203.0.113.{number}")
    lab.zone(f"users-{number}.example", [f"@ A {place.v4}", f"@ AAAA {place.v6}"])
    lab.names.reverse(dict.fromkeys((place.v4, place.v6), f"{place.name}.example"))
    return place


def left_alone(host: Host, ansible: Ansible) -> str:
    """What the playbook says of a host that it leaves as it is."""
    before = host.sh(CONFIGURATION)
    output, changed = ansible.run("submission")
    assert changed == 0
    assert host.sh(CONFIGURATION) == before
    return " ".join(output.split())


def test_a_program_that_breaks_every_handshake_gets_no_submission_and_one_sentence(stage: Stage):
    host, ansible = stage(*CANNOT)
    told = left_alone(host, ansible)
    assert "fails every inbound TLS handshake with OpenSSL 3, so it cannot take logins" in told
    host.stop()


@pytest.mark.parametrize("mta", ["postfix", "exim4", "opensmtpd", "sendmail"])
def test_submission_that_the_admin_set_up_is_left_as_it_is(stage: Stage, mta: str):
    host, ansible = stage("trixie", mta, "hardened", "kept")
    assert "users hand in mail at 465 and 587 already; nothing was changed." in left_alone(host, ansible)
    host.stop()


def test_logins_that_the_admin_keeps_by_another_mechanism_are_not_taken_away(stage: Stage):
    host, ansible = stage("trixie", "sendmail", purpose="logins")
    host.sh("echo secret | saslpasswd2 -p -c -u example carol")
    assert "Sendmail has users in /etc/sasldb2, and no door for them" in left_alone(host, ansible)
    host.stop()


def test_a_submission_that_would_let_nobody_in_is_undone_by_its_own_probe(stage: Stage):
    host, ansible = stage("trixie", "exim4", purpose="undone")
    other = "openssl genrsa 2048 > /etc/ssl/mail/key.pem 2>/dev/null"
    host.sh(other)
    output, _ = ansible.run("submission", check=False)
    assert "undone, everything is as it was: no longer true: port" in " ".join(output.split())
    assert {465, 587}.isdisjoint(host.listening())
    assert 25 in host.listening()
    assert not host.run(["ls", "/etc/exim4/auditor-senders"]).stdout
    set_inventory(ansible, mail_certificate=VARIABLES["mail_certificate"] | {"key": "/root/key.pem"})
    output, _ = ansible.run("submission", check=False)
    assert "/root/key.pem: Debian-exim cannot read it; nothing was changed." in " ".join(output.split())
    host.stop()
