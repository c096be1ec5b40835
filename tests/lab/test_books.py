"""What the runbooks print and cannot take back, on real mail hosts: restarting, loading, letting go, and only looking."""

import contextlib
import re
import ssl
import time
from collections.abc import Iterator

import pytest

from auditor.runbook.format import Kind, Step, Use
from auditor.runbook.shell import acts
from auditor.runbook.state import Progress
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.follower import BOOKS, DEBIAN, Follower
from tests.lab.incident import started_by_hand
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.profile import LOGIN, PASSWORD
from tests.lab.submitting import answers, submission
from tests.lab.test_account import SHUT, SUBMISSION, program, refused
from tests.lab.test_actions import public
from tests.lab.update import SETTINGS, installed, update_waiting
from tests.lab.watching import CANARY, Box, listener, serves, session, unit_of, wait_for

pytestmark = pytest.mark.lab
THREE = 3
VALUES = {
    "good_resolver": "192.0.2.11",
    "duty_mailbox": "admin@localhost",
    "mail_canary": "admin@example.org",
}
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
    host = mail_host(release, mta)
    for book, step in (("silent-failure", "restart"), ("open-relay", "adopt")):
        follower = Follower(host, release, book)
        host.run("systemctl reset-failed")
        started_by_hand(host)
        assert not in_unit(host, release)
        follower.must(step, Use.DO)
        wait_for(lambda: in_unit(host, release), f"a listener in the unit after {step}", seconds=30)
    pid = listener(host)
    Follower(host, release, "open-relay").must("adopt", Use.DO)
    assert listener(host) == pid, "what lives in its unit is left alone"


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_supervised_mail_program_that_is_killed_once_comes_back(
    mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    before = listener(host)
    Follower(host, release, "silent-failure").must("kill-once", Use.DO)
    wait_for(lambda: listener(host) not in {"", before} and in_unit(host, release), "port 25", seconds=30)


@pytest.mark.parametrize(("release", "mta"), SUBMISSION)
def test_a_new_certificate_is_served_after_it_was_loaded(
    lab: Lab, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    new = lab.authority.issue(host.name, host.v4, host.v6)
    old = [host.read(path) for path in CERTIFICATES[mta]]
    assert served(lab, host) != first(new.certificate)
    for texts in ((new.certificate, new.key), old):
        for path, text in zip(CERTIFICATES[mta], texts, strict=True):
            host.sh(f"cat > {path} <<'END'\n{text.strip()}\nEND")
        host.run("systemctl reset-failed")
        Follower(host, release, "keys").must("load", Use.DO)
        wait_for(lambda: answers(lab, host), "port 465", seconds=30)
        wanted = first(texts[0])
        wait_for(lambda wanted=wanted: served(lab, host) == wanted, "the certificate on the disk")


def first(chain: str) -> str:
    """The first certificate of a file, which is the server's own."""
    return "".join(chain.partition("-----END CERTIFICATE-----")[0].split())


def served(lab: Lab, host: Host) -> str:
    with submission(lab, host) as smtp:
        assert smtp.sock is not None
        return first(ssl.DER_cert_to_PEM_cert(smtp.sock.getpeercert(binary_form=True)))


@pytest.mark.parametrize(("release", "mta"), SUBMISSION)
def test_the_account_that_sends_is_found_in_the_log(lab: Lab, mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta, "hardened")
    alice = f"alice@{host.domain}"
    with submission(lab, host) as smtp:
        smtp.login(LOGIN, PASSWORD)
        for _ in range(THREE):
            smtp.sendmail(alice, [f"postmaster@{host.domain}"], f"From: <{alice}>\r\n\r\nhello\r\n")
    follower = Follower(host, release, "outbound-spam")
    wait_for(lambda: LOGIN in follower.must("top-sender", Use.DO), "the login among the senders")
    counted = follower.probe("outbound.quiet", limit="0")
    assert counted.result is Progress.FAILED
    found = re.search(rf"{LOGIN}[^:]*: (\d+) messages", counted.detail)
    assert found is not None, counted
    assert int(found[1]) >= THREE, "messages of one session, each"


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_the_client_of_a_message_is_found_in_the_journal(lab: Lab, mail_host: MailHosts, release: str):
    host = mail_host(release, "postfix")
    with session(lab, host.v4) as smtp:
        smtp.sendmail("audit@vantage.example", [f"root@{host.domain}"], "Subject: x\r\n\r\nhello\r\n")
    follower = Follower(host, release, "open-relay")
    wait_for(lambda: lab.vantage.v4 in follower.must("who", Use.DO), "the client in the journal")


def looks(release: str, mta: str) -> Iterator[tuple[str, Step]]:
    """Every step whose commands for this platform change nothing; what is the same for all is tried on one host."""
    for book in sorted(path.stem for path in BOOKS.glob("[a-z]*.md") if path.stem != "frame"):
        for step in Follower.steps_of(book).values():
            block = step.shell(Use.DO, mta, DEBIAN[release])
            if step.words.kind is not Kind.COMMAND or block is None or list(acts(block.text)):
                continue
            if block.mtas or mta == "opensmtpd":
                yield book, step


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_every_command_that_only_looks_runs_to_its_end(mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta)
    failed, ran = [], 0
    for book, step in looks(release, mta):
        ran += 1
        done = Follower(host, release, book, **VALUES).run(step.id, Use.DO)
        if done.returncode or "not found" in done.stderr:
            failed.append(f"{book} {step.id}: exit {done.returncode} {done.stderr}")
    assert failed == []
    assert ran >= 10


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_role_addresses_are_made_taken_and_taken_back(lab: Lab, mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta)
    follower = Follower(host, release, "contacts", **VALUES)
    found = host.read("/etc/aliases")
    roles = ("postmaster", "abuse", "hostmaster", "security")
    try:
        host.sh("sed -i -E '/^(postmaster|abuse|hostmaster|security):/d' /etc/aliases")
        before = host.read("/etc/aliases")
        follower.must("create", Use.DO)
        follower.must("create", Use.DO)
        follower.must("create", Use.VERIFY)
        assert f"abuse: {VALUES['duty_mailbox']}" in host.read("/etc/aliases")
        with session(lab, host.v4) as smtp:
            assert smtp.mail("audit@vantage.example")[0] == 250
            assert [smtp.rcpt(f"{role}@{host.domain}")[0] for role in roles] == [250] * 4
        follower.must("create", Use.UNDO)
        follower.must("create", Use.UNDO)
        assert host.read("/etc/aliases") == before
    finally:
        host.write("/etc/aliases", found)
        host.run(
            {"opensmtpd": "smtpctl update table aliases", "exim4": "true"}.get(mta, "newaliases"), check=True
        )


PATCHED = [("bookworm", "postfix"), ("trixie", "exim4"), ("trixie", "opensmtpd"), ("bookworm", "sendmail")]


@pytest.mark.parametrize(("release", "mta"), PATCHED)
def test_a_host_is_patched_while_it_takes_no_mail_and_what_the_admin_wrote_stays(
    lab: Lab, mail_host: MailHosts, release: str, mta: str
):
    """The update does to the mail program what its own package does: it restarts the unit, masked or not."""
    host = mail_host(release, mta)
    follower = Follower(host, release, "maintenance-round")
    restarts = f"deb-systemd-invoke restart {unit_of(release, mta)}.service || true"
    with update_waiting(host, restarts):
        host.sh(f"echo ours > {SETTINGS}")
        follower.must("stop-accepting", Use.DO)
        try:
            wait_for(lambda: not public(host), "no mail port that others reach", seconds=30)
            told = follower.must("patch", Use.DO)
            assert (installed(host), host.read(SETTINGS)) == ("2", "ours\n")
            assert f"{SETTINGS}.dpkg-dist" in told.splitlines(), "the person is told what to merge"
            assert not public(host), "the restart opened the doors"
            follower.must("patch", Use.DO)
        finally:
            follower.must("stop-accepting", Use.UNDO)
            host.run(f"rm -f {SETTINGS}.dpkg-dist")
        wait_for(lambda: 25 in public(host), "port 25", seconds=30)
        assert serves(lab, host, "root")


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_mirror_that_does_not_answer_ends_the_patch_before_anything_is_installed(
    mail_host: MailHosts, release: str
):
    """apt-get alone warns, goes on with the lists of last week and ends well."""
    host = mail_host(release, "postfix")
    with update_waiting(host):
        host.sh(
            "apt-get update -qq; echo 'deb http://127.0.0.1:9/debian-security x main' >> /etc/apt/sources.list"
        )
        done = Follower(host, release, "maintenance-round").run("patch", Use.DO)
        assert done.returncode != 0
        assert "127.0.0.1" in done.stderr
        assert installed(host) == "1"


LETS_GO = (("name-resolution", "drain"), ("storage-loss", "drain"), ("open-relay", "release"))


@contextlib.contextmanager
def reloaded(host: Host) -> Iterator[None]:
    """What is done within reloads Postfix; at the end the queue manager of before has ended, too.

    It takes along the mail that it is given while it ends, and the next one is woken after 300 s: `qmgr` in master.cf.
    """
    before = host.sh("pgrep -x qmgr || true").split()
    yield
    wait_for(
        lambda: not set(before) & set(host.sh("pgrep -x qmgr || true").split()), "the old queue manager's end"
    )


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_delayed_mail_goes_when_a_runbook_lets_it_go(
    canary: Box, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta)
    sender = f"root@{host.domain}"
    later = {"exim4": "sendmail -odq"}.get(mta, program(mta))
    for book, step in LETS_GO:
        mark = f"{book}-{release}-{mta}"
        follower = Follower(host, release, book)
        host.sh(SHUT)
        try:
            host.sh(f"printf 'Subject: {mark}\\n\\nx\\n' | {later} -f {sender} {CANARY}")
            wait_for(lambda: refused(host) > 0, "a message that was tried", seconds=30)
        finally:
            host.sh("nft delete table inet shut")
        if mta == "postfix" and step == "release":
            for use in (Use.DO, Use.UNDO):
                with reloaded(host):
                    follower.must("hold-all", use)
        follower.must(step, Use.DO)
        follower.must(step, Use.DO)
        wait_for(lambda want=mark: canary.has(want), f"the mail that {book} lets go", seconds=30)


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
@pytest.mark.parametrize("mta", ["exim4", "sendmail"])
def test_a_destination_that_does_not_answer_keeps_back_no_other_mail(
    lab: Lab, canary: Box, mail_host: MailHosts, release: str, mta: str
):
    """Exim and Sendmail send one message after the other; the two others leave that to processes of their own."""
    host = mail_host(release, mta)
    lab.zone("silent.example", [f"@ A {SILENT}", "@ MX 10 @"])
    send = f"{'sendmail -odq' if mta == 'exim4' else program(mta)} -f root@{host.domain}"
    try:
        host.sh(DEAF)
        host.sh(f"for n in 1 2 3; do printf 'Subject: x\\n\\nx\\n' | {send} box@silent.example; done")
        for book, step in LETS_GO:
            mark = f"beside-{book}-{release}-{mta}"
            host.sh(f"printf 'Subject: {mark}\\n\\nx\\n' | {send} {CANARY}")
            began = time.monotonic()
            Follower(host, release, book).must(step, Use.DO)
            assert time.monotonic() - began < THE_ENGINES_LIMIT
            wait_for(lambda want=mark: canary.has(want), f"the mail that {book} lets go", seconds=60)
    finally:
        host.fresh()


SILENT = "203.0.113.99"
DEAF = f"""
nft add table inet deaf
nft 'add chain inet deaf out {{ type filter hook output priority 0; }}'
nft add rule inet deaf out ip daddr {SILENT} drop
"""
THE_ENGINES_LIMIT = 120
