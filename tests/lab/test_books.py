"""What the runbooks print for restarting, shutting, loading and looking, run on real mail hosts."""

import ssl

import pytest

from auditor.runbook.format import Kind, Use
from auditor.runbook.state import Progress
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.follower import BOOKS, Follower
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.profile import LOGIN, PASSWORD
from tests.lab.test_account import SUBMISSION, answers, submission
from tests.lab.watching import listener, session, unit_of, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.trial("only parts of the eight hosts were seen green")]
FRAGMENTS = {"FORMAT", "frame"}
ACTS = {"end-sessions", "restart", "release", "load"}
"""Steps without a way back that change something; they have tests of their own."""
CERTIFICATES = {
    "postfix": ("/etc/ssl/certs/cert.pem", "/etc/ssl/private/key.pem"),
    "exim4": ("/etc/exim4/exim.crt", "/etc/exim4/exim.key"),
    "opensmtpd": ("/etc/ssl/certs/cert.pem", "/etc/mail/key.pem"),
    "sendmail": ("/etc/ssl/certs/cert.pem", "/etc/mail/tls/mx.key"),
}


def in_unit(host: Host, release: str) -> bool:
    pid = listener(host)
    group = host.sh(f"systemctl show -P ControlGroup {unit_of(release, host.mta)}").strip()
    return bool(pid and group and host.run(["cat", f"/proc/{pid}/cgroup"]).stdout.strip().endswith(group))


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_mail_program_that_was_started_by_hand_goes_back_into_its_unit(
    mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "weak")
    assert not in_unit(host, release)
    try:
        Follower(host, release, "silent-failure").must("restart", Use.DO)
        wait_for(lambda: in_unit(host, release), "a listener in the unit")
    finally:
        host.fresh()


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_supervised_mail_program_that_is_killed_once_comes_back(
    mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    before = listener(host)
    Follower(host, release, "silent-failure").must("kill-once", Use.DO)
    wait_for(lambda: listener(host) not in {"", before} and in_unit(host, release), "port 25", seconds=30)


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_mailboxes_and_mail_are_shut_when_a_disk_is_lost_and_open_again(
    mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta)
    follower = Follower(host, release, "storage-loss")
    before = host.listening()
    for step in ("stop-mailboxes", "stop-accepting"):
        follower.must(step, Use.DO)
        follower.must(step, Use.DO)
    wait_for(lambda: not {25, 143, 993} & host.listening(), "closed ports")
    host.run(f"systemctl start {unit_of(release, mta)} dovecot")
    assert not {25, 143, 993} & host.listening()
    for step in ("stop-accepting", "stop-mailboxes"):
        follower.must(step, Use.UNDO)
        follower.must(step, Use.UNDO)
    wait_for(lambda: host.listening() == before, f"ports {before}")


@pytest.mark.parametrize(("release", "mta"), SUBMISSION)
def test_a_new_certificate_is_served_after_it_was_loaded(
    lab: Lab, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    new = lab.authority.issue(host.name, host.v4, host.v6)
    try:
        for path, text in zip(CERTIFICATES[mta], (new.certificate, new.key), strict=True):
            host.sh(f"cat > {path} <<'END'\n{text}END")
        Follower(host, release, "keys").must("load", Use.DO)
        wait_for(lambda: answers(lab, host), "port 465")
        with submission(lab, host) as smtp:
            served = ssl.DER_cert_to_PEM_cert(smtp.sock.getpeercert(binary_form=True))
        assert served.strip() == new.certificate.strip()[: len(served.strip())]
    finally:
        host.fresh()


@pytest.mark.parametrize(("release", "mta"), SUBMISSION)
def test_the_account_that_sends_is_found_in_the_log(lab: Lab, mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta, "hardened")
    alice = f"alice@{host.domain}"
    with submission(lab, host) as smtp:
        smtp.login(LOGIN, PASSWORD)
        smtp.sendmail(alice, [f"postmaster@{host.domain}"], f"From: <{alice}>\r\n\r\nhello\r\n")
    follower = Follower(host, release, "outbound-spam")
    wait_for(lambda: LOGIN in follower.must("top-sender", Use.DO), "the login among the senders")
    assert follower.probe("outbound.quiet", limit="50").result is Progress.OK
    loud = follower.probe("outbound.quiet", limit="0")
    assert loud.result is Progress.FAILED
    assert LOGIN in loud.detail


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_the_client_of_a_message_is_found_in_the_journal(lab: Lab, mail_host: MailHosts, release: str):
    host = mail_host(release, "postfix")
    with session(lab, host.v4) as smtp:
        smtp.sendmail("audit@vantage.example", [f"root@{host.domain}"], "Subject: x\r\n\r\nhello\r\n")
    follower = Follower(host, release, "open-relay")
    wait_for(lambda: lab.vantage.v4 in follower.must("who", Use.DO), "the client in the journal")


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_every_command_that_only_looks_runs_to_its_end(mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta)
    failed, ran = [], 0
    for book in sorted(path.stem for path in BOOKS.glob("*.md") if path.stem not in FRAGMENTS):
        follower = Follower(host, release, book, **VALUES)
        for step in follower.steps.values():
            looks = step.words.kind is Kind.COMMAND and step.words.idempotent and step.id not in ACTS
            if looks and not follower.has(step.id, Use.UNDO) and follower.has(step.id, Use.DO):
                ran += 1
                done = follower.run(step.id, Use.DO)
                if done.returncode:
                    failed.append(f"{book} {step.id}: exit {done.returncode} {done.stderr}")
    assert failed == []
    assert ran >= 10


VALUES = {"good_resolver": "192.0.2.11", "duty_mailbox": "admin", "mail_canary": "admin@example.org"}


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_role_addresses_are_made_taken_and_taken_back(lab: Lab, mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta)
    follower = Follower(host, release, "contacts", duty_mailbox="admin@localhost")
    before = host.run(["cat", "/etc/aliases"]).stdout
    follower.must("create", Use.DO)
    follower.must("create", Use.DO)
    follower.must("create", Use.VERIFY)
    follower.must("look", Use.DO)
    with session(lab, host.v4) as smtp:
        assert smtp.mail("audit@vantage.example")[0] == 250
        roles = ("postmaster", "abuse", "hostmaster", "security")
        assert [smtp.rcpt(f"{role}@{host.domain}")[0] for role in roles] == [250] * 4
    follower.must("create", Use.UNDO)
    follower.must("create", Use.UNDO)
    assert host.run(["cat", "/etc/aliases"]).stdout == before
