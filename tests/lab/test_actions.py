"""The commands that the runbooks print, run on real mail hosts: do, do again, look, take back, compare with before.

The blocks come out of the runbooks themselves, with their values as the engine passes them.
"""

import re

import pytest

from auditor.runbook.format import Use
from tests.lab.fixtures import COMBINATIONS
from tests.lab.follower import Follower

pytestmark = [pytest.mark.lab, pytest.mark.trial("not run as a whole since the blocks were moved and mended")]

WATCHED = {
    "postfix": ["/etc/postfix"],
    "exim4": ["/etc/exim4"],
    "opensmtpd": ["/etc/smtpd.conf", "/etc/systemd/system"],
    "sendmail": ["/etc/mail", "/etc/sasldb2"],
}


def state(host):
    """What an undo must bring back: configuration byte for byte, and what listens."""
    return dict(host.sha(WATCHED[host.mta])), {port for port in host.listening() if port in {25, 465, 587}}


def queued(host):
    """The queue as its own program lists it."""
    listing = {
        "postfix": "postqueue -j",
        "exim4": "exim4 -bp",
        "opensmtpd": "smtpctl show queue",
        "sendmail": "sendmail-mta -bp; sendmail-mta -bp -qQ",
    }
    return host.run(listing[host.mta]).stdout


def enqueue(host):
    """One message to a place that cannot be reached. Sendmail takes it without looking the domain up."""
    command = {"sendmail": "sendmail-mta -Am -odq -f admin@spam.example b1@foreign.example"}.get(
        host.mta, "sendmail -f admin@spam.example 'b1@[192.0.2.77]'"
    )
    if host.mta == "exim4":  # accepts no address literal
        command = "sendmail -f admin@spam.example b1@foreign.example"
    host.run(f"printf 'Subject: x\\n\\nx\\n' | {command}", check=True)


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_mail_stops_coming_in_and_comes_in_again(mail_host, release, mta):
    host = mail_host(release, mta)
    follower = Follower(host, release, "open-relay")
    before = state(host)
    follower.must("stop-accepting", Use.DO)
    follower.must("stop-accepting", Use.DO)
    host.run("sleep 2")
    public = host.run("ss -ltnH '( sport = :25 or sport = :465 or sport = :587 )'").stdout
    assert [line for line in public.splitlines() if "127.0.0.1:" not in line and "[::1]:" not in line] == []
    follower.must("stop-accepting", Use.UNDO)
    host.run("sleep 2")
    assert state(host) == before


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_held_mail_stays_in_a_queue_run_and_the_hold_leaves_no_trace(mail_host, release, mta):
    host = mail_host(release, mta)
    follower = Follower(host, release, "open-relay")
    before = state(host)
    if mta == "exim4":  # its hold is a rule for domains, so it meets what comes after it too
        follower.must("hold-all", Use.DO)
    enqueue(host)
    follower.must("hold-all", Use.DO)
    follower.must("hold-all", Use.DO)
    run = {
        "postfix": "postqueue -f",
        "exim4": "exim4 -q",
        "opensmtpd": "smtpctl schedule all || true",
        "sendmail": "sendmail-mta -q",
    }
    host.run(run[mta])
    assert "<> *** frozen" not in queued(host)
    assert re.search(r"b1@(\[192\.0\.2\.77\]|foreign\.example)", queued(host))
    follower.must("hold-all", Use.UNDO)
    host.run("sleep 1")
    assert state(host) == before


@pytest.mark.parametrize(("book", "step"), [("blocklisted", "reroute"), ("destination-refuses", "slow-down")])
@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_changed_way_out_holds_and_can_be_taken_back(mail_host, release, mta, book, step):
    host = mail_host(release, mta)
    follower = Follower(host, release, book)
    if not follower.has(step, Use.DO):
        pytest.skip(f"{book} gives no commands for {mta}: it has no such setting")
    before = state(host)
    follower.must(step, Use.DO)
    follower.must(step, Use.VERIFY)
    follower.must(step, Use.UNDO)
    host.run("sleep 1")
    after = state(host)
    if mta == "sendmail":  # make(1) writes its products anew, with the date inside
        after = ({path: after[0][path] for path in after[0] if path.endswith(".mc")}, after[1])
        before = ({path: before[0][path] for path in before[0] if path.endswith(".mc")}, before[1])
    assert after == before
