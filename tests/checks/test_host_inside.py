"""The system below the mail program, judged from what Debian's tools print."""

from datetime import UTC, datetime

import pytest

from auditor.checks import (
    admin_ssh_hardened,
    firewall_default_deny,
    listeners_expected,
    login_guessing_blocked,
    mail_files_private,
    reboot_not_pending,
    release_supported,
    resolver_redundant,
    roles_reach_people,
    security_updates_applied,
)
from auditor.evidence.mta import Mta, MtaDaemon, MtaRunning
from auditor.evidence.processes import Listener, Process, ProcessTable
from auditor.evidence.resolvers import ResolverSettings
from auditor.evidence.system import (
    Aliases,
    Firewall,
    GuessingGuard,
    SensitiveFile,
    SensitiveFiles,
    Updates,
    parse_aliases,
    parse_iptables,
    parse_nft,
    parse_os_release,
)
from auditor.inside.command import Output
from auditor.inside.system import firewall, guessing_guard, release, sensitive_files, ssh_daemon, updates
from auditor.model import Failed, Inconclusive, Moment, NotApplicable, Passed, Reason, Unavailable
from auditor.net import CannotLook

NOW = Moment(datetime(2026, 11, 22, tzinfo=UTC))
NONE = Unavailable(Reason.COMMAND_MISSING, "")
MISSING = Output(command="x", exit_code=127)
BOOKWORM = (
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n'
)


def out(text: str, code: int = 0) -> Output:
    return Output(command="x", exit_code=code, stdout=text.encode())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (BOOKWORM, Passed),
        (BOOKWORM.replace("12", "10"), Failed),
        (BOOKWORM.replace("12", "11"), Failed),
        (BOOKWORM.replace('"12"', '"99"'), Inconclusive),
        ("ID=arch\n", Inconclusive),
    ],
)
def test_a_release_is_judged_by_its_date(text, kind):
    assert isinstance(release_supported.judge(parse_os_release(text), NOW), kind)


def test_a_file_that_names_no_system_is_no_evidence():
    with pytest.raises(CannotLook):
        release(out("garbage"))


DPKG = "installed libssl3 3.0.15-1\ninstalled vim 9.0\n"
NEWER = "archive\nPackage: libssl3\nVersion: 3.0.16-1\n"
SAME = "archive\nPackage: libssl3\nVersion: 3.0.15-1\n"


@pytest.mark.parametrize(
    ("archive", "lists", "kind"),
    [
        (NEWER, "list 1000\nnow 2000\n", Failed),
        (SAME, "list 1000\nlist 500\nnow 2000\n", Passed),
        (SAME, "list 1000\nnow 2000000\n", Failed),
        (SAME, "now 2000\n", Inconclusive),
        ("", "list 1000\nnow 2000\n", Inconclusive),
    ],
)
def test_no_waiting_update_counts_only_while_the_lists_are_young(archive, lists, kind):
    assert isinstance(security_updates_applied.judge(updates(out(DPKG), out(archive), out(lists))), kind)


def test_a_host_without_packages_is_no_evidence():
    with pytest.raises(CannotLook):
        updates(out(""), out(SAME), out("list 1\nnow 2\n"))


def test_a_replaced_file_or_the_system_s_flag_ask_for_a_restart():
    stale = Process(pid=1, parent=0, user="root", command="x", executable="/usr/sbin/exim4", replaced=True)
    assert isinstance(reboot_not_pending.judge(ProcessTable(processes=(stale,)), NONE), Failed)
    assert isinstance(reboot_not_pending.judge(ProcessTable(), Updates(reboot_required=True)), Failed)
    assert isinstance(reboot_not_pending.judge(ProcessTable(), Updates()), Passed)


def nft(policy: str, family: str = "inet", rule: str = "") -> str:
    chain = f'{{"chain": {{"family": "{family}", "table": "filter", "name": "input", "hook": "input", "policy": "{policy}"}}}}'
    return '{"nftables": [{"metainfo": {"version": "1.1.3"}}, ' + chain + rule + "]}"


LAST = ', {"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"counter": {"packets": 0}}, {"reject": null}]}}'
ACCEPT_22 = ', {"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {}}, {"drop": null}]}}'


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (nft("drop"), Passed),
        (nft("accept"), Failed),
        (nft("accept", rule=LAST), Passed),
        (nft("accept", rule=ACCEPT_22), Failed),
        (nft("drop", family="ip"), Failed),
        ('{"nftables": [{"metainfo": {}}]}', Failed),
    ],
)
def test_nftables_must_drop_what_no_rule_names_for_both_families(text, kind):
    assert isinstance(firewall_default_deny.judge(firewall(out(text), MISSING, MISSING)), kind)


@pytest.mark.parametrize("text", ["", "[]", '{"nftables": 3}', '{"nftables": [{"chain": 1}]}', "\x00"])
def test_what_is_no_ruleset_is_malformed(text):
    with pytest.raises(ValueError, match=r"."):
        list(parse_nft(text))


def test_iptables_is_asked_where_there_is_no_nft():
    four = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 25 -j ACCEPT\nCOMMIT\n"
    assert isinstance(firewall_default_deny.judge(firewall(MISSING, out(four), out(four))), Passed)
    assert isinstance(firewall_default_deny.judge(firewall(MISSING, out(four), MISSING)), Failed)
    assert list(parse_iptables(":INPUT ACCEPT [0:0]\n-A INPUT -j REJECT --reject-with x\n", "ip")) == [
        ("ip", "drop")
    ]
    assert isinstance(firewall_default_deny.judge(firewall(MISSING, MISSING, MISSING)), Failed)
    assert isinstance(firewall_default_deny.judge(Firewall(tool="")), Failed)


def listening(*listeners: Listener) -> ProcessTable:
    return ProcessTable(
        processes=(
            Process(pid=1, parent=0, user="root", command="sshd:", executable="/usr/sbin/sshd"),
            Process(pid=2, parent=0, user="redis", command="redis", executable="/usr/bin/redis-server"),
        ),
        listeners=listeners,
    )


@pytest.mark.parametrize(
    ("listener", "kind"),
    [
        (Listener(kind="tcp", address="0.0.0.0", port=25, pids=(9,)), Passed),
        (Listener(kind="tcp", address="0.0.0.0", port=2222, pids=(1,)), Passed),
        (Listener(kind="tcp", address="*", port=6379, pids=(2,)), Failed),
        (Listener(kind="tcp", address="127.0.0.1", port=6379, pids=(2,)), Passed),
        (Listener(kind="tcp", address="::1", port=6379, pids=(2,)), Passed),
        (Listener(kind="unix", address="/run/x", pids=(2,)), Passed),
    ],
)
def test_a_database_on_every_address_is_unexpected(listener, kind):
    assert isinstance(listeners_expected.judge(listening(listener)), kind)


@pytest.mark.parametrize(
    ("servers", "kind"),
    [
        (("192.0.2.1", "192.0.2.2"), Passed),
        (("192.0.2.1", "192.0.2.1"), Failed),
        (("127.0.0.1",), Passed),
        (("192.0.2.1",), Failed),
        ((), Failed),
    ],
)
def test_two_name_servers_or_one_s_own(servers, kind):
    assert isinstance(resolver_redundant.judge(ResolverSettings(nameservers=servers)), kind)


def test_a_key_open_to_others_fails_and_a_certificate_may_be_read():
    text = "640|root|/etc/ssl/private/a.key\n644|root|/etc/dovecot/private/dovecot.pem\n"
    assert isinstance(mail_files_private.judge(sensitive_files(out(text))), Passed)
    bad = SensitiveFiles(files=(SensitiveFile(path="/etc/postfix/sasl_passwd", mode=0o644, owner="root"),))
    assert isinstance(mail_files_private.judge(bad), Failed)
    assert isinstance(mail_files_private.judge(SensitiveFiles()), NotApplicable)


SSHD = "port 22\npermitrootlogin without-password\npasswordauthentication no\nkbdinteractiveauthentication no\npermitemptypasswords no\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SSHD, Passed),
        (SSHD.replace("without-password", "yes"), Failed),
        (SSHD.replace("passwordauthentication no", "passwordauthentication yes"), Failed),
        (SSHD.replace("kbdinteractiveauthentication no\n", ""), Failed),
    ],
)
def test_ssh_takes_keys_only(text, kind):
    assert isinstance(admin_ssh_hardened.judge(ssh_daemon(out(text))), kind)


MAIL = MtaRunning(daemons=(MtaDaemon(mta=Mta.POSTFIX, pid=1, command="", ports=(25,)),))


@pytest.mark.parametrize(
    ("guard", "kind"),
    [
        (GuessingGuard(), Failed),
        (GuessingGuard(program="fail2ban", jails=("sshd",)), Failed),
        (GuessingGuard(program="fail2ban", jails=("sshd", "postfix-sasl")), Passed),
        (GuessingGuard(program="crowdsec"), Passed),
    ],
)
def test_guessing_is_watched_where_mail_users_log_in(guard, kind):
    assert isinstance(login_guessing_blocked.judge(guard, ProcessTable(), MAIL), kind)


def test_fail2ban_tells_its_jails_and_its_silence_is_not_absence():
    text = "Status\n|- Number of jail:\t2\n`- Jail list:\tdovecot, sshd\n"
    assert guessing_guard(out(text), ProcessTable()).jails == ("dovecot", "sshd")
    assert guessing_guard(MISSING, ProcessTable()).program == ""
    guard = Process(pid=1, parent=0, user="root", command="crowdsec", executable="/usr/bin/crowdsec")
    assert guessing_guard(MISSING, ProcessTable(processes=(guard,))).program == "crowdsec"
    with pytest.raises(CannotLook):
        guessing_guard(Output(command="x", exit_code=-1, problem=Reason.TIMEOUT), ProcessTable())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("postmaster: root\nabuse: root\nroot: alice\n", Passed),
        ("Postmaster: alice,\n\tbob\nabuse: postmaster\n", Passed),
        ("postmaster: root\nabuse: root\n", Failed),
        ("postmaster: alice\n", Failed),
        ("postmaster: abuse\nabuse: postmaster\n", Failed),
        ("postmaster: alice\nabuse: /dev/null\n", Failed),
        ("postmaster: alice@example.net\nabuse: |/usr/bin/desk\n", Passed),
        ("# postmaster: alice\n", Failed),
        ("", Failed),
    ],
)
def test_roles_are_followed_to_their_ends(text, kind):
    assert isinstance(roles_reach_people.judge(Aliases(entries=parse_aliases(text))), kind)


@pytest.mark.parametrize(
    ("root", "told"),
    [("", ["abuse", "root"]), ("root: /dev/null\n", ["abuse", "root"]), ("root: alice\n", ["abuse"])],
)
def test_that_nobody_reads_roots_mail_either_is_told_beside_the_role(root, told):
    verdict = roles_reach_people.judge(Aliases(entries=parse_aliases("postmaster: bob\n" + root)))
    assert [row["role"] for row in verdict.observed] == told
    assert verdict.summary == "abuse: no alias"
