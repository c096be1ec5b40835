"""Replay of report 002: an open relay, a warning that comes back for want of abuse@, and a provider that counts complaints."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.incident import Desk, Sink, send, started_by_hand
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.watching import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]
WAITING = 5
CONTAINED_WITHIN = 60
ANSWERS = {
    "egress-off": {"lost": "again"},
    "compromised": {"choose": "no"},
    "who": {"relay_client": "203.0.113.66", "since": "this morning"},
    "opening-found": {"cause": "everybody may relay"},
    "listed": {"choose": "no"},
}
OPENED = {
    "postfix": "postconf -e 'mynetworks = 0.0.0.0/0 [::]/0'; postfix reload",
    "exim4": "sed -i \"s#^dc_relay_nets=.*#dc_relay_nets='0.0.0.0/0;::/0'#\" /etc/exim4/update-exim4.conf.conf\n"
    "update-exim4.conf; systemctl reload exim4",
    "opensmtpd": "echo 'match from any for any action \"relay\"' >> /etc/smtpd.conf; systemctl restart opensmtpd",
    "sendmail": "cd /etc/mail\nsed -i '/^FEATURE(.no_default_msa/a FEATURE(`promiscuous_relay'\"'\"')dnl' sendmail.mc\n"
    "m4 sendmail.mc > sendmail.cf 2>/dev/null; systemctl restart sendmail",
}
"""The one mistake that makes Debian's own installation relay for everybody."""
HOSTS = [
    ("bookworm", "postfix", False),
    ("bookworm", "exim4", True),
    ("bookworm", "opensmtpd", True),
    ("bookworm", "sendmail", True),
    ("trixie", "postfix", False),
]
"""Release, mail program, whether somebody started it in a shell: systemd then stops and starts nothing."""


@pytest.fixture
def open_relay(lab: Lab, release: str, mta: str, by_hand: bool) -> Iterator[Host]:
    host = lab.host(
        f"mx1.relay-{mta}-{release}.example",
        release=release,
        mta=mta,
        v4="198.51.100.70",
        v6="2001:db8:100::70",
    )
    try:
        host.sh(
            "useradd --create-home alice; touch /etc/aliases; sed -i '/^\\(abuse\\|root\\):/d' /etc/aliases"
        )
        if mta == "opensmtpd":  # which delivers nothing to root himself, so nobody could see that mail flows
            host.sh("echo 'root: alice' >> /etc/aliases")
        host.sh(OPENED[mta])
        if by_hand:
            started_by_hand(host)
        yield host
    finally:
        lab.drop(host)


def warned(host: Host, victim: Sink) -> bool:
    """Whether what the victim writes to abuse@ of the host stays there; else it comes back, at once or as a bounce."""
    back = victim.bounces()
    sent = send(victim.station, host, f"abuse@{host.domain}", sender="owner@far.example")
    if sent.returncode != 0:
        return False
    wait_for(lambda: victim.bounces() > back or arrived(host), "the warning in a mailbox or back", seconds=60)
    return victim.bounces() == back


def arrived(host: Host) -> bool:
    """Whether alice, to whom the owner's mail goes, has the warning."""
    return host.run("grep -rqs owner@far.example /var/mail/alice /home/alice").returncode == 0


def spam(lab: Lab, host: Host, recipient: str, count: int) -> bool:
    return send(lab.attacker, host, recipient, sender="spam@vantage.example", count=count).returncode == 0


@pytest.mark.parametrize(("release", "mta", "by_hand"), HOSTS)
def test_an_open_relay_is_contained_fixed_accounted_for_and_closed(
    lab: Lab, open_relay: Host, tmp_path: Path, release: str
):
    """Given spam through an open relay and two complaints, when the runbook is followed, then the third never comes."""
    host = open_relay
    lab.zone("far.example", ["@ MX 10 mx", "mx A 203.0.113.72"])
    lab.zone("dead.example", ["@ MX 10 mx", "mx A 203.0.113.200"])  # where nobody answers, so that mail waits
    desk = Desk(lab, host, tmp_path, ANSWERS, mail_contacts={"owner": {"mail": "alice"}})
    with Sink(lab, tmp_path, name="far", v4="203.0.113.72") as far:
        for strike in (1, 2):  # so the victim turns to the provider, who cuts a customer off at the third
            assert spam(lab, host, "victim@far.example", 1)
            far.await_count(strike)
            assert not warned(host, far), "there is no abuse@"
        assert spam(lab, host, "victim@dead.example", WAITING)

        before = desk.scan("relay-closed", "abuse-accepted")
        assert before["relay-closed"]["status"] == "failed", before
        assert before["relay-closed"]["severity"] == "critical"
        assert before["relay-closed"]["runbook"] == "open-relay"
        desk.open("open-relay")
        if release == "bookworm":
            desk.follow()
        else:  # a well-meant command takes the isolation away, and the next step notices
            assert desk.incident("run", "--phase", "Isolate").returncode == 0
            host.sh("nft flush ruleset")
            desk.follow()
            lost = [one["step"] for one in desk.entries() if one["kind"] == "temp.lost"]
            assert lost == ["egress-off"]

        assert desk.seconds("open", "stop-accepting") < CONTAINED_WITHIN, desk.durations()
        assert "removed by us 5" in desk.balance()
        assert not spam(lab, host, "victim@far.example", 1)
        assert host.listening() >= {22, 25}
        assert warned(host, far), "abuse@ reaches somebody now"
        assert far.count() == 2, "nothing is left to complain about"
    after = desk.scan("relay-closed", "listener-owned-by-unit")
    assert {check: finding["status"] for check, finding in after.items()} == {
        "relay-closed": "passed",
        "listener-owned-by-unit": "passed",
    }, after
    review = desk.auditor("incident", "export", "--retrospective").stdout
    assert "| time to contain |" in review
    assert host.name not in review
