"""Which mail program runs and whom it trusts, from what real Debian hosts printed."""

import pytest

from auditor.evidence.mta import (
    Mta,
    classify,
    find_daemons,
    parse_addresses,
    read_network,
    sort_networks,
    too_wide,
)
from auditor.evidence.processes import Listener, Process, ProcessTable, parse_processes, parse_sockets

POSTFIX_SOCKETS = """\
tcp LISTEN 0      128    0.0.0.0:22  0.0.0.0:* users:(("sshd",pid=84,fd=3))
tcp LISTEN 0      100    0.0.0.0:25  0.0.0.0:* users:(("master",pid=384,fd=13))
tcp LISTEN 0      100       [::]:25     [::]:* users:(("master",pid=384,fd=14))
udp UNCONN 0      0      127.0.0.53%lo:53  0.0.0.0:* users:(("systemd-resolve",pid=90,fd=12))
"""
POSTFIX_PROCESSES = """\
      1       0 root                             /lib/systemd/systemd --system
     84       1 root                             sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups
    384       1 root                             /usr/lib/postfix/sbin/master -w
    385     384 postfix                          pickup -l -t unix -u -c
    500       1 root                             /usr/bin/mysqldump -uroot -pSECRET all
"""
POSTFIX_EXECUTABLES = """\
/proc/1/exe /usr/lib/systemd/systemd
/proc/384/exe /usr/lib/postfix/sbin/master (deleted)
/proc/385/exe /usr/lib/postfix/sbin/pickup
"""
CGROUPS = "/proc/384/cgroup:0::/system.slice/system-postfix.slice/postfix@-.service\n"
LOGINS = "/proc/384/loginuid:1000\n/proc/385/loginuid:4294967295\n"


def postfix_host() -> ProcessTable:
    return ProcessTable(
        processes=parse_processes(POSTFIX_PROCESSES, POSTFIX_EXECUTABLES, CGROUPS, LOGINS),
        listeners=parse_sockets(POSTFIX_SOCKETS),
    )


def test_a_running_postfix_is_told_by_its_master_and_its_port():
    running = find_daemons(postfix_host())
    assert running.only is Mta.POSTFIX
    assert [(daemon.mta, daemon.pid, daemon.ports) for daemon in running.daemons] == [
        (Mta.POSTFIX, 384, (25,))
    ]


def test_a_process_carries_its_cgroup_its_login_and_that_its_file_was_replaced():
    master = postfix_host().process(384)
    assert master is not None
    assert master.cgroup == "/system.slice/system-postfix.slice/postfix@-.service"
    assert (master.login_uid, master.replaced) == (1000, True)


def test_arguments_of_other_programs_stay_out_of_the_evidence():
    assert "SECRET" not in repr(postfix_host())


def test_scopes_and_families_are_taken_off_addresses():
    assert [(item.kind, item.address, item.port) for item in parse_sockets(POSTFIX_SOCKETS)] == [
        ("tcp", "0.0.0.0", 22),
        ("tcp", "0.0.0.0", 25),
        ("tcp", "::", 25),
        ("udp", "127.0.0.53", 53),
    ]


def test_a_unix_socket_is_known_by_its_path():
    line = 'u_str LISTEN 0  100  private/policy 514124 * 0 users:(("master",pid=71,fd=30))\n'
    assert parse_sockets(line) == (Listener(kind="unix", address="private/policy", pids=(71,)),)


@pytest.mark.parametrize(
    "junk", ["", "tcp", "tcp LISTEN 0 0 0.0.0.0:x *:*", "\x00\x1b[2J", "a b c d e f g", "tcp a b c :²"]
)
def test_lines_that_make_no_sense_are_no_listeners(junk):
    assert parse_sockets(junk) == ()


@pytest.mark.parametrize(
    ("executable", "command", "expected"),
    [
        ("/usr/lib/postfix/sbin/master", "/usr/lib/postfix/sbin/master -w", Mta.POSTFIX),
        ("/usr/sbin/exim4", "/usr/sbin/exim4 -bdf -q30m", Mta.EXIM),
        ("/usr/sbin/smtpd", "smtpd: dispatcher", Mta.OPENSMTPD),
        ("/usr/libexec/sendmail/sendmail", "sendmail: MTA: accepting connections", Mta.SENDMAIL),
        ("/usr/lib/postfix/sbin/smtpd", "smtpd -n smtp -t inet", None),
        ("/usr/sbin/dovecot", "/usr/sbin/dovecot -F", None),
        ("/opt/app/master", "master", None),
    ],
)
def test_mail_programs_are_told_by_the_file_they_run(executable, command, expected):
    assert classify(Process(pid=9, parent=1, user="root", command=command, executable=executable)) is expected


def test_handing_in_one_message_is_no_second_mail_daemon():
    table = postfix_host()
    cron = Process(pid=900, parent=1, user="root", command="/usr/sbin/exim4 -t", executable="/usr/sbin/exim4")
    assert (
        len(find_daemons(ProcessTable(processes=(*table.processes, cron), listeners=table.listeners)).daemons)
        == 1
    )


def test_a_stranger_on_port_25_is_named():
    listener = Listener(kind="tcp", address="0.0.0.0", port=25, pids=(7,))
    qmail = Process(pid=7, parent=1, user="root", command="tcpserver", executable="/usr/bin/tcpserver")
    running = find_daemons(ProcessTable(processes=(qmail,), listeners=(listener,)))
    assert running.strangers == ((25, "tcpserver"),)
    assert running.only is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[::1]/128", "::1/128"),
        ("127", "127.0.0.0/8"),
        ("10.1.", "10.1.0.0/16"),
        ("198.51.100", "198.51.100.0/24"),
        ("IPv6:2001:db8::1", "2001:db8::1/128"),
        ("192.0.2.1/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("hash:/etc/postfix/network_table", None),
        ("example.org", None),
        ("", None),
    ],
)
def test_networks_are_read_in_every_program_s_notation(text, expected):
    network = read_network(text)
    assert (str(network) if network else None) == expected


def test_exclusions_trust_nobody_and_tables_are_said_to_be_unreadable():
    assert sort_networks(["!192.0.2.5", "192.0.2.0/24", "hash:/x", "192.0.2.0/24"]) == (
        ("192.0.2.0/24",),
        ("hash:/x",),
    )


def test_loopback_own_addresses_and_declared_networks_are_not_too_wide():
    networks = [
        "127.0.0.0/8",
        "::1/128",
        "::ffff:7f00:0/104",
        "198.51.100.10/32",
        "10.1.2.0/24",
        "0.0.0.0/0",
        "10.0.0.0/8",
    ]
    assert list(too_wide(networks, allowed=["10.1.0.0/16"], own=["198.51.100.10"])) == [
        "0.0.0.0/0",
        "10.0.0.0/8",
    ]


def test_addresses_come_from_the_interfaces():
    text = (
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n"
        "2: eth0    inet6 2001:db8:100::100/64 scope global \\       valid_lft forever\n"
    )
    assert parse_addresses(text) == ("127.0.0.1", "2001:db8:100::100")
