"""The playbook monitoring on real hosts: what the greeting hides is noticed from the next host, and told past the broken server."""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes

import pytest

from tests.lab.admin import Admin
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.watching import Box, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
WAY = {"mail_alarm_mail": [{"to": "box@canary.example", "via": "203.0.113.50:25"}]}
LOOKING = "systemctl list-jobs --no-legend auditor-watch.service"
GREETING = "check host mail with address 127.0.0.1\n  if failed port 25 protocol smtp then alert\n"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Two mail hosts of one owner; the first looks at the second."""

    first: Host
    second: Host
    admin: Admin
    canary: Box

    def play(self, *words: str, **variables: object) -> tuple[int, str]:
        self.admin.inventory(self.first, self.second, **variables)
        done = self.admin.playbook("monitoring", "-l", self.first.name, *words)
        return done.returncode, done.stdout + done.stderr

    def look(self, times: int = 2) -> None:
        """Now, and not when the timer says: a look that it began before what the test does would be taken for this one."""
        self.first.sh("systemctl stop auditor-watch.timer")
        for _ in range(times):
            wait_for(lambda: not self.first.sh(LOOKING).strip(), "the end of the timer's look", seconds=60)
            self.first.sh(
                "systemctl reset-failed auditor-watch.service; systemctl start auditor-watch.service"
            )

    def told(self, words: str) -> bool:
        bodies = (message_from_bytes(mail).get_payload(decode=True) for mail in self.canary.mails)
        return any(words.encode() in body for body in bodies)


@pytest.fixture(scope="module")
def watched(lab: Lab, canary: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    first, second = (
        lab.host(
            f"mx1.watched-{mta}-{release}.example",
            release=release,
            mta=mta,
            v4=f"198.51.100.{number}",
            v6=f"2001:db8:100::{number}",
        )
        for release, mta, number in (("bookworm", "exim4", 243), ("trixie", "postfix", 244))
    )
    first.write("/etc/monit/conf.d/mail", GREETING)
    admin = Admin(lab=lab, folder=tmp_path_factory.mktemp("watch"))
    yield Watched(first=first, second=second, admin=admin, canary=canary)
    first.stop()
    second.stop()


def test_who_names_nobody_to_tell_is_asked_for_it_and_a_way_that_fails_leaves_nothing_behind(
    watched: Watched,
):
    code, output = watched.play()
    assert code != 0
    assert "Set mail_alarm_mail or mail_alarm_post in the inventory" in output
    code, output = watched.play(mail_alarm_mail=[{"to": "box@canary.example", "via": "203.0.113.50:26"}])
    assert code != 0
    assert "undone, everything is as it was" in " ".join(output.split())
    assert "auditor-watch" not in watched.first.sh("ls /etc/systemd/system /usr/local/sbin")


def test_setting_it_up_sends_a_test_and_the_check_that_stopped_at_the_greeting_passes(watched: Watched):
    only = ("-i", "hosts.yml", "--inside-only", "--only", "probe-reaches-rcpt")
    key = ("probe-reaches-rcpt", watched.first.name)
    watched.admin.inventory(watched.first, watched.second)
    assert watched.admin.scan(*only)[key]["status"] == "failed"
    code, output = watched.play("--check", "--diff", **WAY)
    assert code == 0, output[-3000:]
    assert watched.canary.mails == []
    code, output = watched.play(**WAY)
    assert code == 0, output[-3000:]
    assert watched.told("this is only a test")
    assert watched.first.sh("systemctl is-active auditor-watch.timer") == "active\n"
    assert watched.admin.scan(*only)[key]["status"] == "passed"
    code, output = watched.play(**WAY)
    assert (code, "changed=0" in output) == (0, True), output[-2000:]


def test_a_dead_policy_service_behind_a_green_greeting_is_told_by_the_neighbour_and_so_is_its_end(
    watched: Watched,
):
    watched.look()
    assert [mail for mail in watched.canary.mails if b"only a test" not in mail] == [], "nothing is wrong yet"
    watched.second.sh(
        "postconf -e 'smtpd_recipient_restrictions=check_policy_service inet:127.0.0.1:10031'; postfix reload"
    )
    watched.look(1)
    assert not watched.told("does not take mail"), "one sighting is no alarm"
    watched.look(1)
    assert watched.told(f"{watched.second.v4} does not take mail for postmaster@{watched.second.domain}: 451")
    heard = len(watched.canary.mails)
    watched.look(1)
    assert len(watched.canary.mails) == heard, "told once, not every five minutes"
    watched.second.sh("postconf -X smtpd_recipient_restrictions; postfix reload")
    watched.look(1)
    assert watched.told("over: ")


def test_a_mail_program_that_died_is_told_without_its_help(watched: Watched):
    watched.first.sh("systemctl kill -s KILL exim4.service")
    wait_for(lambda: 25 not in watched.first.listening(), "Exim's death")
    try:
        watched.look()
        assert watched.told("exim4.service has no process")
        assert watched.told("port 25 at 127.0.0.1 does not answer")
    finally:
        watched.first.sh("systemctl restart exim4.service")
