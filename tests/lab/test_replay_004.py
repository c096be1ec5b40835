"""Replay of report 004: a policy service started by hand dies; the greeting stays green, and support is as dead as the rest."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.incident import Desk, send
from tests.lab.laboratory import Lab
from tests.lab.machine import Host

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
HELPER = """import socketserver

class Agree(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            if line == b"\\n":
                self.wfile.write(b"action=DUNNO\\n\\n")

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 10040), Agree).serve_forever()
"""
UNIT = """[Unit]
Description=policy service
[Service]
ExecStart=/usr/bin/python3 /usr/local/sbin/policy-helper
[Install]
WantedBy=multi-user.target
"""
PID = "ss -Hltnp 'sport = :10040' | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p'"
ANSWERS = {
    "evidence": {"stage_that_fails": "RCPT"},
    "vars": {"helper_unit": "policy-helper.service"},
    "on-purpose": {"choose": "no"},
    "log-there": {"choose": "yes"},
    "helper-dead": {"choose": "yes"},
    "helper": {"helper_cause": "started in a shell"},
    "impact": {"delayed": "2", "of_the_day": "all of it"},
}


@pytest.fixture
def filtered(lab: Lab) -> Iterator[Host]:
    """The policy service has a unit, but months ago somebody started it in a shell and went home."""
    host = lab.host("mx1.silent.example", v4="198.51.100.74", v6="2001:db8:100::74")
    try:
        host.write("/usr/local/sbin/policy-helper", HELPER, mode=0o755)
        host.write("/etc/systemd/system/policy-helper.service", UNIT)
        host.sh(
            "systemctl daemon-reload\n"
            "postconf -e 'smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10040'\npostfix reload"
        )
        host.login("nohup python3 /usr/local/sbin/policy-helper > /dev/null 2>&1 < /dev/null &", user="root")
        host.sh(f'for n in 1 2 3 4 5 6 7 8 9 10; do test -z "$({PID})" || exit 0; sleep 0.5; done; exit 1')
        yield host
    finally:
        lab.drop(host)


def test_a_helper_that_died_unseen_is_found_and_comes_back_by_itself_ever_after(
    lab: Lab, filtered: Host, tmp_path: Path
):
    """Given a policy service outside its unit that dies, when the runbook is followed, then it dies again without harm."""
    host = filtered
    support = f"support@{host.domain}"
    desk = Desk(
        lab,
        host,
        tmp_path,
        ANSWERS | {"frame-declare": {"contact": support}},
        mail_helpers=["policy-helper.service"],
        mail_contacts={"oncall": {"mail": support}},
    )
    before = desk.scan("helpers-supervised", "smtp-transaction-completes", "contacts-independent")
    assert before["contacts-independent"]["status"] == "failed", before
    assert before["contacts-independent"]["runbook"] == "contacts"
    assert before["helpers-supervised"]["status"] == "failed", before
    assert before["smtp-transaction-completes"]["status"] == "passed", before

    host.kill9(int(host.sh(PID)))
    refused = send(lab.vantage, host, f"root@{host.domain}")
    assert "451" in refused.stderr, refused.stderr  # and not before RCPT: connect, HELO and MAIL went well
    assert "SMTPRecipientsRefused" in refused.stderr, refused.stderr
    broken = desk.scan("smtp-transaction-completes")["smtp-transaction-completes"]
    assert broken["status"] == "failed", broken
    assert broken["runbook"] == "silent-failure"

    complaint = send(lab.vantage, host, support)
    assert "451" in complaint.stderr, "what a customer writes to support waits where it was written"

    desk.open("silent-failure")
    desk.follow({"silent-failure/stage": "what this runbook was opened for"})
    sent = {one["step"]: one["data"] for one in desk.entries() if one["kind"] == "comms"}
    assert sent["opening"]["contact_served_here"] == host.domain, "the message says so before it goes"

    host.kill9(int(host.sh(PID)))
    killed = time.monotonic()
    while (again := send(lab.vantage, host, f"root@{host.domain}")).returncode != 0:
        assert time.monotonic() - killed < 10, again.stderr
        time.sleep(0.5)
    assert host.sh(f"cat /proc/$({PID})/cgroup").strip().endswith("/policy-helper.service")
    assert "bounced 0" in desk.balance()

    moved = Desk(
        lab, host, tmp_path, ANSWERS, mail_contacts={"oncall": {"mail": "support@elsewhere.example"}}
    )
    lab.zone("elsewhere.example", ["@ MX 10 mx", "mx A 203.0.113.79"])
    after = moved.scan("contacts-independent")["contacts-independent"]
    assert after["status"] == "passed", after
