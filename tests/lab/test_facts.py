"""Fifteen facts about Debian's mail programs that runbooks copied from elsewhere get wrong, shown on the real packages.

Each is why some check, playbook or runbook is as it is. Where Debian 13 differs, both are shown; where a fact has nothing
to do with the release, Debian 12 speaks for both.
"""

import contextlib
import imaplib
import json
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from auditor.runbook.format import Use
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.follower import Follower
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.profile import LOGIN, PASSWORD
from tests.lab.submitting import submission
from tests.lab.watching import CANARY, Box, listener, session, unit_of, wait_for

pytestmark = pytest.mark.lab
QUEUE_RUN_SECONDS = 2
"""How long nothing has to happen before a test believes that it does not."""


@contextlib.contextmanager
def put_back(host: Host, script: str) -> Iterator[None]:
    """Leave the host as it was found, whatever the test met."""
    try:
        yield
    finally:
        host.sh(script)


def submit(host: Host, mark: str, to: str = CANARY, options: str = "") -> None:
    """A message of the host's own, by the sendmail command."""
    program = "sendmail-mta -Am" if host.mta == "sendmail" else "sendmail"
    host.sh(f"printf 'Subject: {mark}\\n\\n{mark}\\n' | {program} {options} -f root@{host.domain} {to}")


def postfix_queue(host: Host) -> list[dict[str, str]]:
    return [json.loads(line) for line in host.sh("postqueue -j").splitlines()]


@contextlib.contextmanager
def logged_in(lab: Lab, host: Host) -> Iterator[smtplib.SMTP_SSL]:
    """Alice's submission session."""
    with submission(lab, host) as smtp:
        assert smtp.login(LOGIN, PASSWORD)[0] == 235
        yield smtp


def send(smtp: smtplib.SMTP, host: Host) -> None:
    alice = f"alice@{host.domain}"
    assert smtp.sendmail(alice, [f"postmaster@{host.domain}"], f"From: <{alice}>\r\n\r\nhello\r\n") == {}


# -- 1 --------------------------------------------------------------------------------------------------------------


def test_1_flushing_sends_what_postfix_had_deferred_but_not_what_is_on_hold(
    canary: Box, mail_host: MailHosts
):
    host = mail_host("bookworm", "postfix")
    host.sh("postconf -e 'defer_transports = smtp relay'; postfix reload")
    with put_back(host, "postconf -X defer_transports; postsuper -d ALL; postfix reload"):
        submit(host, "fact-1-on-hold")
        wait_for(lambda: [m["queue_name"] for m in postfix_queue(host)] == ["deferred"], "deferred mail")
        host.sh("postsuper -h ALL")
        submit(host, "fact-1-deferred")
        wait_for(
            lambda: {m["queue_name"] for m in postfix_queue(host)} == {"deferred", "hold"}, "both queues"
        )
        host.sh("postqueue -f")
        wait_for(
            lambda: canary.has("fact-1-deferred"), "the deferred message outside, in spite of the setting"
        )
        time.sleep(QUEUE_RUN_SECONDS)
        assert [m["queue_name"] for m in postfix_queue(host)] == ["hold"]
        assert not canary.has("fact-1-on-hold")


def test_1_exim_holds_domains_in_a_queue_run_but_not_in_a_forced_one(canary: Box, mail_host: MailHosts):
    host = mail_host("bookworm", "exim4")
    macros = "/etc/exim4/exim4.conf.localmacros"
    host.write(macros, "hold_domains = canary.example\n")
    host.sh("update-exim4.conf; systemctl reload exim4")
    with put_back(host, f"rm {macros}; update-exim4.conf; systemctl reload exim4"):
        for mark, forced in (("one", "-qf"), ("two", "-qff"), ("three", "-M $(exipick -i)")):
            submit(host, f"fact-1-{mark}", options="-odq")
            host.sh("exim4 -q")
            time.sleep(QUEUE_RUN_SECONDS)
            assert host.sh("exim4 -bpc") == "1\n"
            assert not canary.has(f"fact-1-{mark}")
            host.sh(f"exim4 {forced}")
            wait_for(lambda mark=mark: canary.has(f"fact-1-{mark}"), f"mail sent by {forced}")
            wait_for(lambda: host.sh("exim4 -bpc") == "0\n", "an empty queue")


def test_1_mail_that_sendmail_has_in_quarantine_survives_a_queue_run(canary: Box, mail_host: MailHosts):
    host = mail_host("bookworm", "sendmail")
    with put_back(host, "find /var/spool/mqueue -type f -delete"):
        submit(host, "fact-1-quarantine", options="-odq")
        host.sh("sendmail-mta -QINC-1 -qR@; sendmail-mta -q")
        time.sleep(QUEUE_RUN_SECONDS)
        assert "Total requests: 1" in host.sh("sendmail-mta -bp -qQ")
        assert not canary.has("fact-1-quarantine")


# -- 2 to 4 ---------------------------------------------------------------------------------------------------------

RESTART_LOGINS = "systemctl restart dovecot; postfix reload"
"""Not `doveadm reload`: that ends the old login service seconds later, under the smtpd that still talks to it, and the
login of that moment is answered 454. Restarted, the old one is gone when systemctl returns; reloaded, no smtpd knows it.
"""


def test_2_a_suspended_account_goes_on_sending_over_its_open_session_until_the_socket_is_killed(
    lab: Lab, mail_host: MailHosts
):
    host = mail_host("bookworm", "postfix", "hardened")
    spam = Follower(host, "bookworm", "outbound-spam", account=LOGIN, spam_client=lab.vantage.v4)
    with logged_in(lab, host) as smtp:
        try:
            spam.must("deny-dovecot", Use.DO)
            spam.must("refuse-account", Use.DO)
            send(smtp, host)
            with pytest.raises(smtplib.SMTPAuthenticationError), logged_in(lab, host):
                pytest.fail("the denied login was let in")
            send(smtp, host)
            spam.must("end-sessions", Use.DO)
            with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
                smtp.docmd("NOOP")
        finally:
            spam.must("refuse-account", Use.UNDO)
            spam.must("deny-dovecot", Use.UNDO)


def test_3_nologin_stops_imap_but_not_the_login_for_sending(lab: Lab, mail_host: MailHosts):
    host = mail_host("bookworm", "postfix", "hardened")
    passdb = "passdb {\n  driver = passwd-file\n  args = /etc/dovecot/nologin-users\n}\n"
    host.write("/etc/dovecot/conf.d/05-fact.conf", passdb)
    host.write("/etc/dovecot/nologin-users", f"{LOGIN}:{{PLAIN}}{PASSWORD}::::::nologin=y\n")
    context = ssl.create_default_context(cadata=lab.authority.pem)
    context.check_hostname = False
    back = f"rm /etc/dovecot/conf.d/05-fact.conf /etc/dovecot/nologin-users; {RESTART_LOGINS}"
    with put_back(host, back):
        host.sh(RESTART_LOGINS)
        with (
            lab.vantage.entered(),
            imaplib.IMAP4_SSL(host.v4, 993, ssl_context=context, timeout=20) as imap,
            pytest.raises(imaplib.IMAP4.error),
        ):
            imap.login(LOGIN, PASSWORD)
        with logged_in(lab, host) as smtp:
            send(smtp, host)


def test_4_doveadm_kick_does_not_see_a_session_that_only_sends(lab: Lab, mail_host: MailHosts):
    host = mail_host("bookworm", "postfix", "hardened")
    with logged_in(lab, host) as smtp:
        kicked = host.run(["doveadm", "kick", LOGIN])
        assert kicked.returncode != 0, kicked
        assert "no users kicked" in kicked.stdout + kicked.stderr
        send(smtp, host)


# -- 5 --------------------------------------------------------------------------------------------------------------


def test_5_opensmtpd_forgets_its_pauses_and_sends_a_suspended_envelope_after_a_restart(
    canary: Box, mail_host: MailHosts
):
    host = mail_host("bookworm", "opensmtpd")
    host.sh("smtpctl pause mta")
    submit(host, "fact-5")
    wait_for(lambda: host.sh("smtpctl show queue"), "an envelope")
    envelope = host.sh("smtpctl show queue | cut -d '|' -f 1").strip()
    host.sh(f"smtpctl pause envelope {envelope}; smtpctl resume mta")
    time.sleep(QUEUE_RUN_SECONDS)
    assert not canary.has("fact-5")
    host.sh("smtpctl pause mta; systemctl restart opensmtpd")
    wait_for(lambda: canary.has("fact-5"), "the suspended envelope outside")
    assert "MTA running" in host.sh("smtpctl show status")


def test_5_opensmtpd_paused_for_smtp_lets_clients_hang(lab: Lab, mail_host: MailHosts):
    host = mail_host("bookworm", "opensmtpd")
    host.sh("smtpctl pause smtp")
    with (
        put_back(host, "smtpctl resume smtp"),
        lab.vantage.entered(),
        socket.create_connection((host.v4, 25), timeout=5) as client,
    ):
        client.settimeout(3)
        with pytest.raises(TimeoutError):
            client.recv(1)


# -- 6 to 8 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("release", "wrapper"), [("bookworm", "active"), ("trixie", "failed")])
def test_6_debian_12_calls_a_dead_postfix_active(mail_host: MailHosts, release: str, wrapper: str):
    host = mail_host(release, "postfix")
    unit = unit_of(release, "postfix")
    with put_back(host, f"systemctl reset-failed; systemctl restart {unit}"):
        host.kill9(int(host.sh("cat /var/spool/postfix/pid/master.pid")))
        wait_for(lambda: 25 not in host.listening(), "a closed port")
        wait_for(lambda: host.run(["systemctl", "is-active", unit]).stdout == "failed\n", "the failed unit")
        assert host.run(["systemctl", "is-active", "postfix"]).stdout == f"{wrapper}\n"
    wait_for(lambda: 25 in host.listening(), "port 25 again")


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_7_debian_supervises_no_mail_program_and_no_dovecot(mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta)
    for unit in (unit_of(release, mta), "dovecot"):
        assert host.sh(f"systemctl show -P Restart -P LoadState {unit}").split() == ["no", "loaded"]


@pytest.mark.parametrize(
    ("package", "restart"),
    [("unbound", "on-failure"), ("opendkim", "on-failure"), ("fail2ban", "on-failure"), ("rspamd", "always")],
)
def test_7_debian_supervises_the_helpers(mail_host: MailHosts, package: str, restart: str):
    host = mail_host("bookworm", "postfix")
    unit = host.sh(
        f"dpkg-deb --fsys-tarfile /var/cache/apt/archives/{package}_*.deb |"
        f" tar -xO --wildcards '*/systemd/system/{package}.service'"
    )
    assert re.findall(r"^Restart=(.*)", unit, re.MULTILINE) == [restart]


def test_7_and_8_a_drop_in_brings_postfix_back_and_loops_when_it_was_started_by_hand(mail_host: MailHosts):
    host = mail_host("bookworm", "postfix")
    drop_in = "/etc/systemd/system/postfix@.service.d/fact.conf"
    host.write(drop_in, "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=on-failure\nRestartSec=1\n")
    back = f"postfix stop; rm -r {drop_in.rpartition('/')[0]}; systemctl daemon-reload; systemctl restart postfix@-"
    with put_back(host, back):
        host.sh("systemctl daemon-reload")
        first = listener(host)
        host.kill9(int(first))
        wait_for(lambda: listener(host) not in {"", first}, "a new master")
        assert "/system-postfix.slice/" in host.read(f"/proc/{listener(host)}/cgroup")
        assert host.login("sudo postfix stop && sudo postfix start").returncode == 0
        wait_for(lambda: listener(host), "a master started by hand")
        cgroup = host.read(f"/proc/{listener(host)}/cgroup")
        assert "/user.slice/" in cgroup
        assert host.sh("systemctl show -P ControlGroup postfix@-").strip() != cgroup.strip()[3:]


# -- 9 to 11 --------------------------------------------------------------------------------------------------------


def test_9_exim_asks_the_rcpt_hook_too_late_for_those_who_may_relay_and_the_data_hook_in_time(
    lab: Lab, mail_host: MailHosts
):
    host = mail_host("bookworm", "exim4")
    conf, macros = "/etc/exim4/update-exim4.conf.conf", "/etc/exim4/exim4.conf.localmacros"
    limit = (
        "defer\n  message = fact limit\n  ratelimit = 2 / 1h / per_rcpt / strict / {}-$sender_host_address\n"
    )
    host.write("/etc/exim4/rcpt.acl", limit.format("rcpt"))
    host.write("/etc/exim4/data.acl", limit.format("data"))
    host.sh(
        f"cp -p {conf} {conf}.old; sed -i \"s/^dc_relay_nets=.*/dc_relay_nets='{lab.vantage.v4}'/\" {conf}"
    )
    back = f"mv {conf}.old {conf}; rm -f {macros} /etc/exim4/*.acl; update-exim4.conf; systemctl reload exim4"
    with put_back(host, back):
        answers = {}
        for hook in ("RCPT", "DATA"):
            host.write(macros, f"CHECK_{hook}_LOCAL_ACL_FILE = /etc/exim4/{hook.lower()}.acl\n")
            host.sh("update-exim4.conf; systemctl restart exim4")
            wait_for(lambda: 25 in host.listening(), "port 25")
            with session(lab, host.v4) as smtp:
                smtp.mail("audit@vantage.example")
                recipients = [smtp.rcpt(f"box{n}@canary.example")[0] for n in range(6)]
                answers[hook] = (recipients, *smtp.data("Subject: fact 9\r\n\r\nhello\r\n"))
        assert answers["RCPT"][:2] == ([250] * 6, 250)
        assert answers["DATA"] == ([250] * 6, 451, b"fact limit")


def test_10_exim_would_delete_frozen_mail_after_a_week(mail_host: MailHosts):
    host = mail_host("bookworm", "exim4")
    macros = "/etc/exim4/exim4.conf.localmacros"
    assert host.sh("exim4 -bP timeout_frozen_after") == "timeout_frozen_after = 1w\n"
    host.write(macros, "MAIN_TIMEOUT_FROZEN_AFTER = 0s\n")
    with put_back(host, f"rm {macros}; update-exim4.conf"):
        host.sh("update-exim4.conf")
        assert host.sh("exim4 -bP timeout_frozen_after") == "timeout_frozen_after = 0s\n"


def test_11_exiqgrep_needs_a_selector_and_the_angle_brackets(mail_host: MailHosts):
    host = mail_host("bookworm", "exim4")
    submit(host, "fact-11", options="-odq")
    with put_back(host, "exipick -i | xargs -r exim4 -Mrm"):
        message = host.sh("exipick -i")
        assert "This help message" in host.run("exiqgrep -i").stdout
        assert host.run("exiqgrep -i -f '^root@'").stdout == ""
        assert host.run("exiqgrep -i -f '^<root@'").stdout == message


# -- 12 and 13 ------------------------------------------------------------------------------------------------------


def test_12_dpkg_and_debsums_believe_an_edited_list_of_sums_and_a_fresh_package_does_not(
    mail_host: MailHosts,
):
    host = mail_host("trixie", "postfix")
    host.sh("apt-get install -qy --no-install-recommends debsums rsync > /dev/null 2>&1")
    try:
        assert host.run("dpkg -V rsync; debsums -s rsync").stdout == ""
        host.sh("printf x >> /usr/bin/rsync")
        assert "/usr/bin/rsync" in host.run("dpkg -V rsync").stdout
        assert "/usr/bin/rsync" in host.run("debsums -s rsync").stderr
        sums = "/var/lib/dpkg/info/rsync.md5sums"
        host.sh(
            f"sed -i \"s|^.*  usr/bin/rsync$|$(md5sum < /usr/bin/rsync | cut -d ' ' -f 1)  usr/bin/rsync|\" {sums}"
        )
        silenced = host.run("dpkg -V rsync; debsums -s rsync")
        assert silenced.stdout + silenced.stderr == ""
        compare = "dpkg-deb --fsys-tarfile /var/cache/apt/archives/rsync_*.deb | tar --compare -C / -f -"
        assert "usr/bin/rsync: Size differs" in host.run(compare).stdout
        host.sh("echo '# changed' >> /etc/postfix/main.cf")
        assert "main.cf" not in host.run("dpkg -V postfix").stdout
    finally:
        host.fresh()


@pytest.mark.parametrize(("long_ids", "renamed"), [("no", 3), ("yes", 0)])
def test_13_a_postfix_queue_from_a_tar_archive_needs_new_names_unless_they_are_long(
    mail_host: MailHosts, long_ids: str, renamed: int
):
    host = mail_host("bookworm", "postfix")
    host.sh(
        f"postconf -e enable_long_queue_ids={long_ids} 'defer_transports = smtp'; systemctl restart postfix@-"
    )
    back = "postconf -X enable_long_queue_ids defer_transports; postsuper -d ALL; systemctl restart postfix@-"
    with put_back(host, back):
        for n in range(3):
            submit(host, f"fact-13-{n}")
        wait_for(lambda: [m["queue_name"] for m in postfix_queue(host)] == ["deferred"] * 3, "three messages")
        host.sh(
            "systemctl stop postfix@-; cd /var/spool/postfix; tar -cf /root/q.tar deferred; postsuper -d ALL;"
            " tar -xf /root/q.tar; rm /root/q.tar"
        )
        said = host.run("postsuper -s").stderr
        assert re.findall(r"Renamed to match inode number: (\d+)", said) == (
            [str(renamed)] if renamed else []
        )
        assert len(host.sh("find /var/spool/postfix/deferred -type f").split()) == 3


# -- 14 and 15 ------------------------------------------------------------------------------------------------------


def test_14_starting_the_nftables_service_wipes_an_isolation(lab: Lab, mail_host: MailHosts):
    host = mail_host("bookworm", "postfix")
    host.sh(
        "nft add table inet fact; nft 'add chain inet fact in { type filter hook input priority -300; }';"
        " nft add rule inet fact in tcp dport 25 reject with tcp reset"
    )
    with put_back(host, "systemctl stop nftables; nft delete table inet fact 2> /dev/null || true"):
        with lab.vantage.entered(), pytest.raises(ConnectionRefusedError):
            socket.create_connection((host.v4, 25), timeout=5)
        host.sh("systemctl start nftables")
        assert "table inet fact" not in host.sh("nft list tables")
        with session(lab, host.v4) as smtp:
            assert smtp.noop()[0] == 250


def test_15_the_wall_clock_may_step_back():
    pytest.skip(
        "the clock of a host is the machine's and is not set for a test;"
        " tests/runbook/test_journal.py sets the journal's own clock back"
    )
