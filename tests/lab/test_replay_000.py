"""Replay of report 000: one stolen password sends, the host is blocked, and everybody's mail waits for it."""

import contextlib
import smtplib
import ssl
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.lab.incident import Desk, Sink
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import Station
from tests.lab.scanner import SCANNER, unit_text
from tests.lab.watching import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]
OLD, NEW, BOB = "walrus-Pencil-42-orbit", "tulip-Anvil-77-comet", "heron-Basil-13-ember"
SENT, WAITING, PATIENCE = 294, 6, 20
"""Messages to a receiver whose patience ends after twenty, and to one that is down."""
PER_HOUR = 20
REMEMBERED = 3600
"""Seconds for which a resolver remembers what the blocklist said."""
OUT2 = "203.0.113.75"
ANSWERS = {
    "vars": {"account": "alice", "spam_sender": "alice@office.example", "spam_client": "203.0.113.66"},
    "find-blocks": {"blocks": "bl.example", "our_addresses": "198.51.100.76"},
    "earlier-signs": {"earlier_warnings": "none found"},
    "opening": {"list": "bl.example"},
    "cause-known": {"choose": "account"},
    "scope": {"choose": "one"},
    "mailbox-read": {"choose": "no"},
    "clean": {"device_cleaned_by": "installed anew"},
    "listed": {"choose": "yes"},
    "route-choice": {"choose": "yes"},
    "route-check": {"relay_host": "out2.way.example"},
    "ask-removal": {"asked": "one request, to bl.example"},
    "accepted-again": {"still_refusing": "nobody"},
}
BEFORE = {
    "not-blocklisted": "blocklisted",
    "outbound-abuse-absent": "outbound-spam",
    "outbound-filtered": "outbound-spam",
    "outbound-limited": "outbound-spam",
    "sender-bound-to-login": "outbound-spam",
}
"""What is wrong, and the runbook that its finding names."""
SET_UP = f"""
useradd --create-home alice; useradd --create-home bob; useradd --create-home carol
printf 'alice:{OLD}\\nbob:{BOB}\\ncarol:{OLD}\\n' | chpasswd
printf 'postmaster: root\\nabuse: root\\nroot: bob\\n' > /etc/aliases; newaliases
cat > /etc/dovecot/conf.d/99-sasl.conf <<'END'
service auth {{
  unix_listener /var/spool/postfix/private/auth {{
    mode = 0660
    user = postfix
  }}
}}
END
postconf -e smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth smtpd_tls_security_level=may \\
  smtpd_tls_cert_file=/etc/ssl/certs/mx.pem smtpd_tls_key_file=/etc/ssl/private/mx.key \\
  smtpd_milters=inet:127.0.0.1:10060 milter_default_action=tempfail
postconf -M 'submission/inet=submission inet n - y - - smtpd'
postconf -P submission/inet/smtpd_sasl_auth_enable=yes submission/inet/smtpd_tls_security_level=encrypt
systemctl daemon-reload; systemctl enable --quiet --now clamav-milter; systemctl restart dovecot; postfix reload
"""
BIND_SENDERS = (
    "printf 'alice@{domain} alice\\nbob@{domain} bob\\n' > /etc/postfix/logins\n"
    "postconf -e smtpd_sender_login_maps=texthash:/etc/postfix/logins"
    " smtpd_sender_restrictions=reject_authenticated_sender_login_mismatch; postfix reload"
)


@pytest.fixture
def office(lab: Lab) -> Iterator[Host]:
    """An office's mail server: users log in and send, nothing counts what, nothing asks as whom; viruses are looked for."""
    host = lab.host("mx1.office.example", v4="198.51.100.76", v6="2001:db8:100::76")
    try:
        mine = lab.authority.issue(host.name, host.v4, host.v6)
        host.write("/etc/ssl/certs/mx.pem", mine.certificate)
        host.write("/etc/ssl/private/mx.key", mine.key, mode=0o600)
        host.write("/usr/local/sbin/scanner", SCANNER, mode=0o755)
        host.write("/etc/systemd/system/clamav-milter.service", unit_text("virus scanner"))
        host.sh(SET_UP)
        names = [f"{host.name}. A {host.v4}", f"{host.name}. AAAA {host.v6}", f"@ MX 10 {host.name}."]
        lab.zone(host.domain, [*names, f'@ TXT "v=spf1 mx ip4:{OUT2} -all"'])
        lab.zone("far.example", ["@ MX 10 mx", "mx A 203.0.113.72"])
        lab.zone("dead.example", ["@ MX 10 mx", "mx A 203.0.113.200"])
        lab.zone("way.example", [f"out2 A {OUT2}"])
        lab.names.blocklist("bl.example")
        yield host
    finally:
        lab.drop(host)


@contextlib.contextmanager
def logged_in(lab: Lab, host: Host, at: Station, user: str, password: str) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context(cadata=lab.authority.pem)
    context.check_hostname = False
    with at.entered(), contextlib.closing(smtplib.SMTP(host.v4, 587, "pc.example", timeout=30)) as smtp:
        smtp.starttls(context=context)
        smtp.login(user, password)
        yield smtp


def refusal(lab: Lab, host: Host, user: str, password: str) -> int:
    """The code by which a login at the vantage is refused, 0 when it is let in."""
    try:
        with logged_in(lab, host, lab.vantage, user, password):
            return 0
    except smtplib.SMTPAuthenticationError as error:
        return error.smtp_code


def send(smtp: smtplib.SMTP, sender: str, to: str, count: int, recipients: int = 5) -> None:
    """Clean text without an attachment: no virus scanner has anything to say."""
    for number in range(count):
        mark = f"<{time.monotonic_ns()}.androidMobile@web{number}.mail.example>"
        text = f"From: <{sender}>\r\nMessage-ID: {mark}\r\nSubject: cheap shares {number}\r\n\r\nbuy\r\n"
        smtp.sendmail(sender, [f"box{n}@{to}" for n in range(recipients)], text)


def write_as_bob(lab: Lab, host: Host, to: str) -> None:
    bob = f"bob@{host.domain}"
    with logged_in(lab, host, lab.vantage, "bob", BOB) as smtp:
        smtp.sendmail(bob, [to], f"From: <{bob}>\r\nSubject: mine\r\n\r\nx\r\n")


def held(host: Host) -> int:
    return int(host.sh("find /var/spool/postfix/hold -type f | wc -l"))


def an_hour_later(lab: Lab, desk: Desk) -> None:
    """The gate asks for the hour and is not content with a step left out; then the journal, by which it judges, begins anew."""
    skipped = desk.incident("skip", "blocklisted/quiet-hour", "--reason", "nobody has an hour")
    assert skipped.returncode == 0, skipped.stderr
    desk.incident("run", "--step", "blocklisted/still-quiet")
    assert desk.ended("still-quiet")["result"] == "failed"
    assert f"alice: {SENT + WAITING} messages in 60 minutes" in desk.ended("still-quiet")["reason"]
    desk.host.sh("journalctl -q --rotate")  # the log files keep everything, for the accounting
    alice = "journalctl -q --vacuum-time=1s; journalctl -q | grep -c sasl_username=alice"
    wait_for(lambda: desk.host.run(alice).stdout == "0\n", "an empty journal")
    write_as_bob(lab, desk.host, f"bob@{desk.host.domain}")


def listing(desk: Desk) -> dict[str, Any]:
    """What a scan says of that list alone: the public ones do not exist here."""
    return desk.scan("not-blocklisted", options=["--dnsbl", "bl.example"])["not-blocklisted"]


def find_and_stop(lab: Lab, desk: Desk, pc: smtplib.SMTP) -> None:
    """The account is found, and its way in is shut on every layer before its open session is ended."""
    host = desk.host
    desk.step("cause-known", "top-sender")
    assert desk.said("top-sender").split()[:3] == [str(SENT + WAITING), "alice", lab.attacker.v4]
    with logged_in(lab, host, lab.attacker, "carol", OLD) as phone:
        send(phone, f"carol@{host.domain}", "far.example", 1)
    desk.step("fingerprint")
    assert f"{SENT + WAITING + 1} 2 #.androidMobile@web#.mail.example" in desk.said("fingerprint")
    desk.step("deny-dovecot", "expire-system", "refuse-account")
    assert refusal(lab, host, "alice", OLD) == 535
    assert pc.noop()[0] == 250, "the session that was open before"
    desk.step("end-sessions")
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        pc.noop()


def limited(lab: Lab, host: Host) -> None:
    """Alice has a new password, and one message more than an hour allows is put off."""
    alice, bob = f"alice@{host.domain}", f"bob@{host.domain}"
    assert refusal(lab, host, "alice", OLD) == 535
    with logged_in(lab, host, lab.vantage, "alice", NEW) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as stranger:
            smtp.sendmail(bob, [bob], "Subject: as somebody else\r\n\r\nx\r\n")
        assert b"not owned by user alice" in stranger.value.recipients[bob][1]
        for number in range(PER_HOUR):
            smtp.sendmail(alice, [bob], f"Subject: {number}\r\n\r\nx\r\n")
        with pytest.raises(smtplib.SMTPDataError) as limit:
            smtp.sendmail(alice, [bob], "Subject: one too many\r\n\r\nx\r\n")
    assert limit.value.smtp_code == 450, limit.value
    write_as_bob(lab, host, alice)  # each account is counted by itself


def test_a_stolen_account_is_stopped_in_mid_session_and_the_others_go_on_by_another_way(
    lab: Lab, office: Host, tmp_path: Path
):
    """Given spam over one login until a list names us, when the runbooks are followed, then it alone is gone and nothing is lost."""
    host = office
    desk = Desk(
        lab, host, tmp_path, ANSWERS,
        mail_limits={"per_hour": PER_HOUR, "per_day": 40}, mail_blocklists=["bl.example"],
    )  # fmt: skip
    with (
        Sink(lab, tmp_path, name="far", v4="203.0.113.72", patience=PATIENCE) as far,
        Sink(lab, tmp_path, name="out2", v4=OUT2) as out2,
    ):
        with logged_in(lab, host, lab.attacker, "alice", OLD) as pc:
            send(pc, f"alice@{host.domain}", "far.example", SENT)
            send(pc, f"alice@{host.domain}", "dead.example", WAITING)
            far.await_count(PATIENCE)
            lab.names.blocklist("bl.example", [host.v4], ttl=REMEMBERED)

            before = desk.scan(*BEFORE)
            assert {check: finding["runbook"] for check, finding in before.items()} == BEFORE
            closed = {c: f["summary"] for c, f in before.items() if f["status"] != "failed"}
            assert closed == {}, closed
            assert "only a virus scanner" in before["outbound-filtered"]["summary"]
            desk.open_from("not-blocklisted")
            locked = desk.incident("run", "--step", "ask-removal")
            assert locked.returncode != 0
            assert "locked until these are done: still-quiet" in locked.stderr, locked.stderr
            find_and_stop(lab, desk, pc)
        write_as_bob(lab, host, "friend@dead.example")
        spam = far.count()
        desk.step("hold-account")
        assert held(host) == WAITING, "alice's alone"

        host.sh(f"echo 'alice:{NEW}' | chpasswd")
        host.sh(BIND_SENDERS.format(domain=host.domain))

        def by_the_other_way() -> None:
            """The list lets go, and its old answer goes on for a while; meanwhile mail leaves, and no client changed anything."""
            lab.names.blocklist("bl.example", ttl=REMEMBERED, flush=False)
            still = listing(desk)
            assert still["status"] == "failed", still
            assert 0 < still["observed"][0]["cached_seconds"] <= REMEMBERED
            lab.names.resolver_forget()
            assert listing(desk)["status"] == "passed"
            write_as_bob(lab, host, "friend@far.example")
            host.sh("postqueue -f")
            out2.await_count(2)

        later = partial(an_hour_later, lab, desk)
        desk.follow(at={"blocklisted/quiet-hour": later, "blocklisted/recheck": by_the_other_way})
        assert desk.ended("route-check")["reason"] == "all 2 addresses pass", "SPF covers the other way"
        assert f"queued 0 + held 0 + removed by us {WAITING}" in desk.balance()
        assert (far.count(), out2.count()) == (spam, 2), "not one more after the account was stopped"
        assert host.sh("postconf -h relayhost") == "\n", "back to its own way"
    limited(lab, host)
