"""Replay of report 003: the one resolver dies, mail to everybody waits, nothing may bounce."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.incident import Desk, Sink, without
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import ip

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
MESSAGES = 10
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
        yield host
    finally:
        ip(*route, "del", *rule)
        lab.drop(host)


def test_mail_waits_for_a_dead_resolver_and_drains_with_another_one(lab: Lab, blind: Host, tmp_path: Path):
    """Given a host whose only resolver is silent, when the runbook is followed, then every message arrives and none bounced."""
    host = blind
    lab.zone("far.example", ["@ MX 10 mx", "mx A 203.0.113.73"])
    lab.zone("debian.org", ["@ A 203.0.113.73"])
    with Sink(lab, tmp_path, name="far", v4="203.0.113.73") as sink:
        desk = Desk(lab, host, tmp_path, ANSWERS)
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
        desk.open("name-resolution")
        missing = without("resolver")
        desk.follow(
            {"name-resolution/for-good": "there is no playbook resolver in this tree"} if missing else {}
        )
        assert desk.seconds("open", "drain") < 15 * 60
        assert sink.count() == MESSAGES
    assert host.sh(QUEUED) == "0\n"
    assert "bounced 0 + queued 0 + held 0" in desk.balance()
