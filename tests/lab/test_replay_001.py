"""Replay of report 001: mailbox storage that stands still, and while it is mended a flood of connections."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.incident import Desk, send
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import ip
from tests.lab.watching import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]
MESSAGES = 8
IMAP = "imap-login-after-tls-only"
SOURCES = [f"203.0.113.{number}" for number in range(150, 200)]
FLOOD_SECONDS = 240
PATIENCE = 2.0
"""Seconds in which a real sender and the administrator are served."""
TO_BREATHE = 15 * 60
"""Seconds from the opening of the incident to the limit in the firewall: `isolate_within` of the runbook."""
EXCHANGE = "python3 -c 'import socketserver as s; s.ThreadingTCPServer((\"\", 5060), s.StreamRequestHandler).serve_forever()'"

FLOOD = """import selectors, socket, sys, time
target, seconds, sources = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
end, made, held = time.monotonic() + seconds, 0, []
while time.monotonic() < end and made < 20000:
    for source in sources:
        door = socket.socket()
        door.setblocking(False)
        door.bind((source, 0))
        door.connect_ex((target, 25))
        held.append((time.monotonic() + 2, door))
        made += 1
    while held and (held[0][0] < time.monotonic() or len(held) > 400):
        held.pop(0)[1].close()
    time.sleep(0.5)
"""
"""Two connections a second from each source, each kept for two seconds at most: bounded in rate, number and time."""

STORAGE = {
    "disks": {"what_is_lost": "nothing, it stands still"},
    "image": {"image_at": "not needed: nothing is damaged"},
    "estimate": {"volume_gb": "1", "measured_mb_per_s": "100", "accounts": "1", "estimate": "a minute"},
    "way": {"choose": "repair"},
    "history": {"missing_after_restore": "nothing"},
}
FLOODED = {"sample": {"top_sources": "fifty addresses"}, "enough": {"choose": "yes"}}


@pytest.fixture(scope="module")
def host(lab: Lab) -> Iterator[Host]:
    """Postfix hands mail over to Dovecot, which alone writes to the mailboxes; a telephone exchange stands beside it."""
    host = lab.host("mx1.storage.example", v4="198.51.100.77", v6="2001:db8:100::77")
    try:
        host.sh(
            "useradd --create-home alice\nprintf 'root: alice\\npostmaster: root\\n' > /etc/aliases; newaliases\n"
            "cat > /etc/dovecot/conf.d/99-lmtp.conf <<'END'\nauth_username_format = %Ln\nmail_location = maildir:~/Maildir\n"
            "service lmtp {\n  unix_listener /var/spool/postfix/private/dovecot-lmtp {\n    mode = 0600\n    user = postfix\n  }\n}\nEND\n"
            "postconf -e mailbox_transport=lmtp:unix:private/dovecot-lmtp; systemctl restart dovecot; postfix reload"
        )
        host.login(f"nohup {EXCHANGE} > /dev/null 2>&1 < /dev/null &", user="root")
        yield host
    finally:
        lab.drop(host)


def mailbox(host: Host) -> int:
    return int(host.sh("find /home/alice/Maildir/new /home/alice/Maildir/cur -type f 2>/dev/null | wc -l"))


def active(host: Host) -> int:
    return int(host.sh("find /var/spool/postfix/active /var/spool/postfix/incoming -type f | wc -l"))


def test_mail_waits_for_storage_that_stands_still_and_all_of_it_arrives(lab: Lab, host: Host, tmp_path: Path):
    """Given mailboxes that no write reaches, when the runbook is followed, then each message is in its mailbox."""
    desk = Desk(lab, host, tmp_path, STORAGE, mail_canary=f"alice@{host.domain}")
    host.sh(
        "systemctl kill --signal=STOP dovecot"
    )  # what a process looks like while its disk does not answer
    assert send(lab.vantage, host, f"alice@{host.domain}", count=MESSAGES).returncode == 0
    assert (active(host), mailbox(host)) == (MESSAGES, 0), "taken, and nowhere"
    seen = desk.scan("smtp-transaction-completes", IMAP, "queue-healthy", "backup-recent")
    assert {check: finding["status"] for check, finding in seen.items()} == {
        "smtp-transaction-completes": "passed",
        IMAP: "unknown",
        "queue-healthy": "passed",
        "backup-recent": "unknown",
    }, "mail is taken, the mailboxes give no answer in time, and nobody knows of a backup"
    assert (seen[IMAP]["reason"], seen["backup-recent"]["reason"]) == ("timeout", "not-declared"), seen
    desk.open("storage-loss")
    desk.follow({"storage-loss/backup": "there is no other place for a backup here"})
    wait_for(
        lambda: active(host) == 0 and mailbox(host) >= MESSAGES,
        f"mailboxes with {host.sh('postqueue -p; ls /home/alice/Maildir/new /var/mail; journalctl -t postfix/lmtp -o cat | tail -20')}",
        seconds=60,
    )
    subjects = host.sh("cat /home/alice/Maildir/*/* | sed -n 's/^Subject: buy //p'").split()
    assert sorted(subjects, key=int) == [str(number) for number in range(MESSAGES)], "each of them, once"
    said = {name: value for one in desk.entries() for name, value in one["data"].get("values", {}).items()}
    assert (said["volume_gb"], said["measured_mb_per_s"], said["estimate"]) == ("1", "100", "a minute")
    assert desk.ended("way")["reason"].startswith("repair"), "decided on these numbers"
    assert "bounced 0 + queued 0 + held 0" in desk.balance()
    assert desk.scan(IMAP)[IMAP]["status"] != "unknown", "the mailboxes answer again"


class Exchange(threading.Thread):
    """Rings the exchange until it is told to stop, and counts the calls that did not come through."""

    def __init__(self, lab: Lab, host: Host) -> None:
        super().__init__(daemon=True)
        self._lab, self._host, self._over = lab, host, threading.Event()
        self.calls, self.lost = 0, 0

    def run(self) -> None:
        ring = f"import socket; socket.create_connection(('{self._host.v4}', 5060), 5).close()"
        while not self._over.wait(0.5):
            self.calls += 1
            self.lost += self._lab.vantage.run([sys.executable, "-c", ring]).returncode != 0

    def end(self) -> None:
        self._over.set()
        self.join(30)


def test_a_flood_leaves_the_administrator_real_senders_and_the_exchange_alone(
    lab: Lab, host: Host, tmp_path: Path
):
    """Given connections from fifty addresses, when the runbook is followed, then those who matter are served in two seconds."""
    desk = Desk(lab, host, tmp_path, FLOODED, mail_canary=f"alice@{host.domain}")
    before = desk.scan("connection-limits-set", "early-talker-refused")
    for finding in before.values():
        assert (finding["status"], finding["runbook"]) == ("failed", "flood"), before
    assert "at once it may hold 50" in before["connection-limits-set"]["summary"], before
    assert "auditor_flood" not in host.run("nft list tables").stdout
    lab.attacker.add("eth0", *SOURCES)
    exchange = Exchange(lab, host)
    exchange.start()
    flood = lab.attacker.popen([sys.executable, "-c", FLOOD, host.v4, str(FLOOD_SECONDS), *SOURCES])
    served: dict[str, float] = {}

    def timed() -> None:
        assert flood.poll() is None, "the flood goes on"
        dropped = "nft list chain inet auditor_flood mail_in | grep -q 'counter packets [1-9]'"
        wait_for(lambda: host.run(dropped).returncode == 0, "connections that the limit dropped", seconds=60)
        for who, serve in (
            ("sender", lambda: send(lab.vantage, host, f"alice@{host.domain}").returncode),
            ("administrator", lambda: host.login("true", user="root", via=lab.vantage).returncode),
        ):
            begun = time.monotonic()
            assert serve() == 0, who
            served[who] = time.monotonic() - begun
        flood.kill()  # it ebbs

    try:
        full = "journalctl -q -t postfix/master | grep -F 'has reached its process limit'"
        wait_for(
            lambda: host.run(full).returncode == 0, "every process of the mail program taken", seconds=60
        )
        desk.open("flood")
        desk.follow(at={"flood/watch": timed})
    finally:
        exchange.end()
        flood.kill()
        flood.wait(10)
        for source in SOURCES:
            ip("-n", lab.attacker.namespace, "addr", "del", f"{source}/24", "dev", "eth0")
    assert set(served) == {"sender", "administrator"}
    assert max(served.values()) < PATIENCE, served
    assert any(source in desk.said("sample") for source in SOURCES), desk.said("sample")
    assert desk.seconds("open", "source-limit") < TO_BREATHE
    assert exchange.calls > 10
    assert exchange.lost == 0
    assert "bounced 0 + queued 0 + held 0" in desk.balance()
    after = desk.scan("connection-limits-set")["connection-limits-set"]
    assert after["status"] == "passed", after
    assert "auditor_flood" not in host.run("nft list tables").stdout, "what was for the time being is gone"
