"""Replay of report 000: one stolen password sends, the host is blocked, and everybody's mail waits for it."""

import contextlib
import smtplib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.incident import Desk, Sink
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import Station

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(1500),
    pytest.mark.trial("seen to the closed incident; what is asserted after it was not reached yet"),
]
OLD, NEW, BOB = "walrus-Pencil-42-orbit", "tulip-Anvil-77-comet", "heron-Basil-13-ember"
SENT, WAITING, PATIENCE = 25, 6, 20
"""Messages to a receiver whose patience ends after twenty, and to one that is down."""
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
  smtpd_tls_cert_file=/etc/ssl/certs/mx.pem smtpd_tls_key_file=/etc/ssl/private/mx.key
postconf -M 'submission/inet=submission inet n - y - - smtpd'
postconf -P submission/inet/smtpd_sasl_auth_enable=yes submission/inet/smtpd_tls_security_level=encrypt
systemctl restart dovecot; postfix reload
"""


@pytest.fixture
def office(lab: Lab) -> Iterator[Host]:
    """An office's mail server: users log in and send, nothing counts what, nothing asks as whom."""
    host = lab.host("mx1.office.example", v4="198.51.100.76", v6="2001:db8:100::76")
    try:
        mine = lab.authority.issue(host.name, host.v4, host.v6)
        host.write("/etc/ssl/certs/mx.pem", mine.certificate)
        host.write("/etc/ssl/private/mx.key", mine.key, mode=0o600)
        host.sh(SET_UP)
        names = [f"{host.name}. A {host.v4}", f"{host.name}. AAAA {host.v6}", f"@ MX 10 {host.name}."]
        lab.zone(host.domain, [*names, f'@ TXT "v=spf1 mx ip4:{OUT2} -all"'])
        lab.zone("far.example", ["@ MX 10 mx", "mx A 203.0.113.72"])
        lab.zone("dead.example", ["@ MX 10 mx", "mx A 203.0.113.200"])
        lab.zone("way.example", [f"out2 A {OUT2}"])
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


def test_a_stolen_account_is_stopped_in_mid_session_and_the_others_go_on_by_another_way(
    lab: Lab, office: Host, tmp_path: Path
):
    """Given spam over one login until a list names us, when the runbooks are followed, then it alone is gone and nothing is lost."""
    host, alice, bob = office, f"alice@{office.domain}", f"bob@{office.domain}"
    lab.names.blocklist("bl.example")
    desk = Desk(lab, host, tmp_path, ANSWERS, mail_limits={"per_hour": 20, "per_day": 40})
    with (
        Sink(lab, tmp_path, name="far", v4="203.0.113.72", patience=PATIENCE) as far,
        Sink(lab, tmp_path, name="out2", v4=OUT2) as out2,
    ):
        with logged_in(lab, host, lab.attacker, "alice", OLD) as pc:
            send(pc, alice, "far.example", SENT)
            send(pc, alice, "dead.example", WAITING)
            far.await_count(PATIENCE)
            lab.names.blocklist("bl.example", [host.v4])

            before = desk.scan(
                "not-blocklisted",
                "outbound-limited",
                "sender-bound-to-login",
                options=["--dnsbl", "bl.example"],
            )
            assert {check: finding["status"] for check, finding in before.items()} == {
                "not-blocklisted": "failed",
                "outbound-limited": "failed",
                "sender-bound-to-login": "failed",
            }, before
            desk.open_from("not-blocklisted")
            locked = desk.incident("run", "--step", "ask-removal")
            assert locked.returncode != 0
            assert "locked until these are done: still-quiet" in locked.stderr, locked.stderr

            desk.step("cause-known", "top-sender")
            assert "alice" in desk.said("top-sender").splitlines()[0]
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
        with logged_in(lab, host, lab.vantage, "bob", BOB) as smtp:
            smtp.sendmail(bob, [bob], "Subject: mine\r\n\r\nx\r\n")
        spam = far.count()
        desk.step("hold-account")
        assert int(host.sh("find /var/spool/postfix/hold -type f | wc -l")) == WAITING

        host.sh(f"echo 'alice:{NEW}' | chpasswd")
        host.sh(
            f"printf '{alice} alice\\n{bob} bob\\n' > /etc/postfix/logins\n"
            "postconf -e smtpd_sender_login_maps=texthash:/etc/postfix/logins"
            " smtpd_sender_restrictions=reject_authenticated_sender_login_mismatch; postfix reload"
        )

        def elsewhere() -> None:
            with logged_in(lab, host, lab.vantage, "bob", BOB) as smtp:
                send(smtp, bob, "dead.example", 1)
            out2.await_count(1)
            lab.names.blocklist("bl.example")

        desk.follow(at={"blocklisted/recheck": elsewhere})
        assert f"removed by us {WAITING}" in desk.balance()
        assert (far.count(), out2.count()) == (spam, 1), "not one more after the account was stopped"

    assert refusal(lab, host, "alice", OLD) == 535
    with (
        logged_in(lab, host, lab.vantage, "alice", NEW) as smtp,
        pytest.raises(smtplib.SMTPDataError) as limit,
    ):
        send(smtp, alice, host.domain, 5)
    assert limit.value.smtp_code == 450, "more than the limit of an hour"
