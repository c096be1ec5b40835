"""Replay of report 003: a dead resolver, a receiver of one recipient, a scanner that hangs, and maintenance in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.admin import Admin
from tests.lab.incident import Desk, Sink, send
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import ip
from tests.lab.scanner import SCANNER, unit_text
from tests.lab.update import installed, offer_update
from tests.lab.watching import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
MESSAGES, PAIRS = 30, 10
ANSWERS = {
    "where": {"broken_part": "our resolver"},
    "vars": {"good_resolver": "192.0.2.11"},
}
QUEUED = (
    "find /var/spool/postfix/deferred /var/spool/postfix/active /var/spool/postfix/incoming -type f | wc -l"
)


@pytest.fixture
def blind(lab: Lab) -> Iterator[Host]:
    """A host with one resolver that becomes silent: the router drops what goes there from this host."""
    host = lab.host("mx1.blind.example", v4="198.51.100.73", v6="2001:db8:100::73")
    route = ["-n", lab.router.namespace, "rule"]
    rule = ["from", host.v4, "to", "192.0.2.10", "blackhole"]
    try:
        ip(*route, "add", *rule)
        # The laboratory's root has a key of its own; a resolver that is installed later has to trust it.
        keys = lab.names.ask(".", "DNSKEY").answer[0]
        anchors = "".join(f'  trust-anchor: ". DNSKEY {key}"\n' for key in keys)
        host.write("/etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf", f"server:\n{anchors}")
        yield host
    finally:
        ip(*route, "del", *rule)
        lab.drop(host)


@pytest.fixture
def backup(lab: Lab, blind: Host) -> Iterator[Host]:
    """The backup MX elsewhere, with a resolver of its own. For now it cannot reach the first host either."""
    host = lab.host("mx2.elsewhere.example", v4="198.51.100.78", v6="2001:db8:100::78")
    try:
        host.sh(
            f"printf '{blind.domain} smtp:[{blind.v4}]\\n' > /etc/postfix/first\n"
            f"postconf -e relay_domains={blind.domain} transport_maps=texthash:/etc/postfix/first; postfix reload\n"
            f"ip route add unreachable {blind.v4}"
        )
        yield host
    finally:
        lab.drop(host)


def test_mail_waits_for_a_dead_resolver_and_drains_with_another_one(
    lab: Lab, blind: Host, backup: Host, tmp_path: Path
):
    """Given a host whose only resolver is silent, when the runbook is followed, then every message arrives and none bounced."""
    host = blind
    lab.zone("far.example", ["@ MX 10 mx", "mx A 203.0.113.73"])
    lab.zone("debian.org", ["@ A 203.0.113.73"])
    with Sink(lab, tmp_path, name="far", v4="203.0.113.73") as sink:
        desk = Desk(lab, host, tmp_path, ANSWERS, mail_resolvers=["192.0.2.11"])
        before = desk.scan("resolver-redundant")["resolver-redundant"]
        assert before["status"] == "failed", before
        assert before["runbook"] == "name-resolution"
        host.sh(
            f"for n in $(seq {MESSAGES}); do printf 'Subject: %s\\n\\nx\\n' $n | "
            "sendmail -f root@blind.example friend@far.example; done"
        )
        host.sh(
            "for n in $(seq 60); do journalctl -q -t postfix/smtp | grep -q 'Name service error' && exit 0; sleep 1; done; exit 1"
        )
        assert int(host.sh(QUEUED)) == MESSAGES
        assert send(lab.vantage, backup, f"root@{host.domain}", count=MESSAGES).returncode == 0
        wait_for(lambda: backup.sh(QUEUED) == f"{MESSAGES}\n", "mail in the queue of the backup MX")
        desk.open("name-resolution")
        desk.step("where", "soft-bounce", "second-resolver")
        backup.sh(f"ip route del unreachable {host.v4}; postqueue -f")
        wait_for(lambda: backup.sh(QUEUED) == "0\n", "an empty queue of the backup MX", seconds=60)
        desk.follow({})
        assert desk.seconds("open", "drain") < 15 * 60
        assert sink.count() == MESSAGES
    assert host.sh(QUEUED) == "0\n"
    balance = desk.balance()
    assert "bounced 0 + queued 0 + held 0" in balance
    assert int(balance.split("delivered ")[1].split()[0]) >= 2 * MESSAGES, balance


# -- one recipient, a scanner that hangs, maintenance ----------------------------------------------------------------

ROUND = {
    "vars": {"window": "02:00 to 03:00 UTC"},
    "ready": {"restore_tried_on": "the first of the month"},
    "well": {"choose": "yes"},
    "report": {"actual_times": "as planned, but for one host"},
}


@pytest.fixture(scope="module")
def pair(lab: Lab) -> Iterator[tuple[Host, Host]]:
    first, second = (
        lab.host(f"mx{n}.pair.example", v4=f"198.51.100.{80 + n}", v6=f"2001:db8:100::{80 + n}")
        for n in (1, 2)
    )
    try:
        first.write("/usr/local/sbin/scanner", SCANNER, mode=0o755)
        first.write("/etc/systemd/system/scanner.service", unit_text("virus scanner"))
        first.sh("systemctl daemon-reload; systemctl enable --quiet --now scanner")
        names = [f"{one.name}. A {one.v4}" for one in (first, second)]
        lab.zone("pair.example", [*names, f"@ MX 10 {first.name}.", '@ TXT "v=spf1 mx -all"'])
        lab.zone("picky.example", ["@ MX 10 mx", "mx A 203.0.113.74"])
        yield first, second
    finally:
        lab.drop(first)
        lab.drop(second)


def pending(host: Host) -> int:
    return int(host.sh(QUEUED))


def test_a_receiver_of_one_recipient_a_message_gets_them_one_by_one(
    lab: Lab, pair: tuple[Host, Host], tmp_path: Path
):
    """Given 452 for each second recipient, when the runbook is followed, then each recipient gets a message of its own."""
    host = pair[0]
    answers = {
        "vars": {"destination": "picky.example"},
        "classify": {"operator": "picky.example", "answer_text": "452 4.5.3 Too many recipients"},
    }
    to_all = "sendmail -f root@pair.example a@picky.example b@picky.example"
    with Sink(lab, tmp_path, name="picky", v4="203.0.113.74", recipients=1) as picky:
        host.sh(f"for n in $(seq {PAIRS}); do printf 'Subject: %s\\n\\nx\\n' $n | {to_all}; done")
        picky.await_count(PAIRS)
        wait_for(
            lambda: host.sh("postqueue -j").count("Too many recipients") == PAIRS,
            "a second recipient of each message that waits",
            seconds=60,
        )
        assert picky.count() == PAIRS
        desk = Desk(lab, host, tmp_path, answers)
        before = desk.scan("destinations-accepting")["destinations-accepting"]
        assert (before["status"], before["runbook"]) == ("failed", "destination-refuses"), before
        assert "452 4.5.3 Too many recipients" in before["observed"][0]["reason"], before
        desk.open_from("destinations-accepting")
        desk.step("classify")
        assert f"{PAIRS} mx.picky.example" in desk.said("classify")
        assert "452 4.5.3 Too many recipients" in desk.said("classify")

        def drained() -> None:
            host.sh(f"printf 'Subject: late\\n\\nx\\n' | {to_all} c@picky.example")
            picky.await_count(PAIRS + 3)
            postqueue = (
                'postqueue -j | sed -n \'s/.*"queue_id": "\\([^"]*\\)".*/\\1/p\' | xargs -r -n 1 postqueue -i'
            )
            host.sh(postqueue)
            picky.await_count(2 * PAIRS + 3)
            wait_for(lambda: pending(host) == 0, "an empty queue")
            assert "status=deferred" not in host.sh("journalctl -q -t postfix/slow/smtp"), (
                "nobody waits a second time"
            )

        desk.follow(
            {
                "destination-refuses/own-fault": "this domain signs nothing and has no DMARC; both led nowhere here"
            },
            at={"destination-refuses/better": drained},
        )
        assert picky.count() == 2 * PAIRS + 3
    after = desk.scan("destinations-accepting")["destinations-accepting"]
    assert after["status"] == "passed", after
    assert host.run("postconf -n transport_maps; postconf -M auditor_slow/unix").stdout == "", (
        "back to the usual speed"
    )
    assert "bounced 0 + queued 0 + held 0" in desk.balance()


def scanned(host: Host) -> int:
    return len(host.run("cat /run/scanned 2>/dev/null").stdout)


def test_mail_waits_for_a_scanner_that_hangs_and_none_passes_unseen(
    lab: Lab, pair: tuple[Host, Host], tmp_path: Path
):
    """Given a scanner that hangs and mail that passes without it, when the runbook is followed, then mail waits and is seen."""
    host = pair[0]
    host.sh(
        "postconf -e smtpd_milters=inet:127.0.0.1:10060 milter_default_action=accept milter_command_timeout=3s"
        " milter_content_timeout=3s milter_connect_timeout=3s; postfix reload"
    )
    own = f"root@{host.domain}"
    assert send(lab.vantage, host, own).returncode == 0
    assert scanned(host) == 1
    host.sh("touch /run/scanner-hangs")
    assert send(lab.vantage, host, own).returncode == 0
    assert scanned(host) == 1, "it passed unseen"
    answers = {
        "name-it": {"helper": "the virus scanner; its database hangs"},
        "choose": {"choose": "wait"},
        "eject": {"node": "the second of three"},
    }
    desk = Desk(lab, host, tmp_path, answers, mail_helpers=["scanner.service"])
    before = desk.scan("helper-failure-defers")["helper-failure-defers"]
    assert (before["status"], before["runbook"]) == ("failed", "dependency-down"), before
    desk.open("dependency-down")
    desk.step("name-it", "copy", "choose", "tempfail")
    assert "451" in send(lab.vantage, host, own).stderr
    host.sh("rm /run/scanner-hangs")
    desk.follow()
    assert send(lab.vantage, host, own).returncode == 0
    assert scanned(host) == 2
    assert desk.scan("helper-failure-defers")["helper-failure-defers"]["status"] == "passed"
    assert "bounced 0 + queued 0 + held 0" in desk.balance()


def test_a_round_waits_at_the_host_that_does_not_come_back_and_ends_on_both(
    lab: Lab, pair: tuple[Host, Host], tmp_path: Path
):
    """Given an update that stops the mail program, when two hosts are patched in turn, then the second waits for the first."""
    first, second = pair
    offer_update(first, "systemctl mask --now postfix@-")
    offer_update(second)
    for host in pair:
        host.sh("mkdir -p /var/lib/auditor; touch /var/lib/auditor/backup-succeeded")
    desk = Desk(lab, first, tmp_path, ROUND, beside=[second])
    before = desk.scan("security-updates-applied")["security-updates-applied"]
    assert (before["status"], before["runbook"]) == ("failed", "maintenance-round"), before
    assert "lab-note" in before["summary"]
    desk.open("maintenance-round")
    stopped = desk.incident("run", "--all")
    assert stopped.returncode != 0
    assert "no mail program runs" in desk.ended(f"patch@{first.name}")["reason"]
    assert desk.status()["next"]["step"] == f"maintenance-round/patch@{first.name}"
    assert (installed(first), installed(second)) == ("2", "1")
    begun = {one["step"] for one in desk.entries() if one["kind"] == "step.start"}
    assert f"stop-accepting@{second.name}" not in begun
    assert 25 in second.listening()

    first.sh("systemctl unmask postfix@-; systemctl start postfix@-")
    desk.follow({f"frame/frame-watch-period@{host.name}": "the watch takes a day" for host in pair})
    assert (installed(first), installed(second)) == ("2", "2")
    for host in pair:
        assert 25 in host.listening()
        assert "bounced 0 + queued 0 + held 0" in desk.balance(f"@{host.name}")
    assert desk.scan("security-updates-applied")["security-updates-applied"]["status"] == "passed"


def test_the_second_host_is_not_begun_when_the_first_does_not_come_back(
    lab: Lab, pair: tuple[Host, Host], tmp_path: Path
):
    """Given an update that stops the mail program, when two hosts are patched, then the second keeps what it has."""
    first, second = pair
    offer_update(first, "systemctl mask --now postfix@-")
    offer_update(second)
    first.sh("rm /root/security/note_1.deb")  # as security archives do, so there is no way back
    admin = Admin(lab=lab, folder=tmp_path)
    admin.inventory(first, second)
    done = admin.playbook("patch-round")
    assert done.returncode != 0
    assert "The round stops here: no longer true after the upgrade" in done.stdout, done.stdout[-2000:]
    assert (installed(first), installed(second)) == ("2", "1")
    assert 25 in second.listening()
