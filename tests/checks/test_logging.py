"""Logging, judged from what journald, rsyslog, logrotate and the files themselves say."""

from datetime import UTC, datetime

import pytest

from auditor.checks import clock_synchronised, log_persistent, log_private, log_retained, log_shipped_off_host
from auditor.evidence.clock import Clock, parse_clock
from auditor.evidence.exim import EximSettings
from auditor.evidence.logs import (
    Forward,
    LogFile,
    LogKeeping,
    Rotation,
    journald_settings,
    parse_forwards,
    parse_journal_upload,
    parse_log_files,
    parse_rotations,
    parse_span,
    parse_syslog_ng,
)
from auditor.evidence.mta import Mta, MtaDaemon, MtaRunning
from auditor.evidence.mta_settings import MtaSettings
from auditor.inside.command import Output
from auditor.inside.logs import log_trace
from auditor.model import (
    Declared,
    Failed,
    Host,
    Inconclusive,
    Moment,
    NotApplicable,
    Options,
    Passed,
    Reason,
    Unavailable,
)
from auditor.net import CannotLook

NOW = Moment(datetime(2026, 11, 21, tzinfo=UTC))
MAIL_LOG = LogFile(path="/var/log/mail.log", mode=0o640, owner="root", group="adm", size=321, modified=0.0)
MAINLOG = LogFile(
    path="/var/log/exim4/mainlog", mode=0o640, owner="Debian-exim", group="adm", size=368, modified=0.0
)
STOCK_LOGROTATE = """\
# see "man logrotate" for details
weekly
rotate 4
create
include /etc/logrotate.d
/var/log/apt/term.log {
  rotate 12
  monthly
}
/var/log/syslog
/var/log/mail.log
{
	rotate 4
	weekly
	postrotate
		/usr/lib/rsyslog/rsyslog-rotate {}
	endscript
}
/var/log/exim4/mainlog /var/log/exim4/rejectlog {
	daily
	rotate 10
}
"/var/log/other.log" {
	maxage 5
}
"""


def keeping(**changes) -> LogKeeping:
    plain = {
        "journal_on_disk": True,
        "filesystem": "ext2/ext3",
        "files": (MAIL_LOG,),
        "syslog_daemon": "rsyslogd",
    }
    return LogKeeping(**(plain | changes))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, Passed),
        ({"journal_storage": "persistent", "journal_on_disk": False, "files": ()}, Passed),
        ({"journal_storage": "volatile"}, Passed),
        ({"journal_storage": "volatile", "syslog_daemon": ""}, Failed),
        ({"journal_storage": "volatile", "syslog_daemon": "", "files": (MAINLOG,)}, Passed),
        ({"journal_on_disk": False, "files": ()}, Failed),
        ({"journal_storage": "none", "files": ()}, Failed),
        ({"filesystem": "tmpfs"}, Failed),
    ],
)
def test_the_log_lasts_where_the_journal_or_a_file_is_on_disk(changes, kind):
    assert isinstance(log_persistent.judge(keeping(**changes)), kind)


def test_logrotate_is_read_with_defaults_blocks_and_scripts():
    assert parse_rotations(STOCK_LOGROTATE) == (
        Rotation(pattern="/var/log/apt/term.log", days=360),
        Rotation(pattern="/var/log/syslog", days=28),
        Rotation(pattern="/var/log/mail.log", days=28),
        Rotation(pattern="/var/log/exim4/mainlog", days=10),
        Rotation(pattern="/var/log/exim4/rejectlog", days=10),
        Rotation(pattern="/var/log/other.log", days=5),
    )


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"rotations": parse_rotations(STOCK_LOGROTATE)}, Failed),
        (
            {
                "rotations": parse_rotations(
                    STOCK_LOGROTATE.replace("rotate 4\n\tweekly", "rotate 13\n\tweekly")
                )
            },
            Passed,
        ),
        ({"rotations": ()}, Passed),
        ({"files": (), "journal_retention_days": 90.0}, Passed),
        ({"files": (), "journal_retention_days": 30.0}, Failed),
        ({"files": (), "oldest_mail_entry": NOW.taken_at.timestamp() - 100 * 86400}, Passed),
        ({"files": (), "oldest_mail_entry": NOW.taken_at.timestamp() - 3600}, Inconclusive),
        ({"files": (), "journal_storage": "volatile"}, Failed),
    ],
)
def test_ninety_days_are_kept_by_rotation_or_by_the_journal(changes, kind):
    assert isinstance(log_retained.judge(keeping(**changes), NOW), kind)


def test_where_exim_writes_its_own_log_that_one_counts():
    rotations = parse_rotations(STOCK_LOGROTATE.replace("rotate 4\n\tweekly", "rotate 13\n\tweekly"))
    verdict = log_retained.judge(keeping(files=(MAIL_LOG, MAINLOG), rotations=rotations), NOW)
    assert isinstance(verdict, Failed)
    assert verdict.observed == ({"log": "/var/log/exim4/mainlog", "days": 10},)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("90day", 90),
        ("3month", 91.3),
        ("2week", 14),
        ("86400", 1),
        ("0", None),
        ("", None),
        ("1h", 1 / 24),
        ("3parsec", None),
    ],
)
def test_spans_are_read_as_systemd_writes_them(text, days):
    found = parse_span(text)
    assert (None if found is None else round(found, 1)) == (None if days is None else round(days, 1))


def test_the_last_assignment_in_journald_conf_wins():
    text = "# /etc/systemd/journald.conf\n[Journal]\n#Storage=none\nStorage=auto\n[Journal]\nStorage=persistent\non_disk=yes\n"
    assert journald_settings(text) == {"Storage": "persistent", "on_disk": "yes"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*.* @@log.example.org:6514\n", [Forward(target="log.example.org", protocol="tcp")]),
        ("mail.*  @192.0.2.9\n", [Forward(target="192.0.2.9", protocol="udp")]),
        ("*.*;mail.none @@log.example.org\n", []),
        ("cron.* @@log.example.org\n", []),
        ("# *.* @@log.example.org\n", []),
        ("mail.*  -/var/log/mail.log\n", []),
        (
            'action(type="omfwd" target="log.example.org" port="6514" protocol="tcp"\n StreamDriver="gtls" StreamDriverMode="1"\n queue.filename="ship")\n',
            [Forward(target="log.example.org", protocol="tcp", encrypted=True, buffered=True)],
        ),
        ('action(type="omrelp" target="l" tls="on")', [Forward(target="l", protocol="relp", encrypted=True)]),
    ],
)
def test_rsyslog_s_two_languages_tell_where_mail_lines_go(text, expected):
    assert list(parse_forwards(text)) == expected


def test_syslog_ng_and_journal_upload_are_read_too():
    text = 'destination d { network("log.example.org" port(6514) transport("tls") disk-buffer()); };'
    assert list(parse_syslog_ng(text)) == [
        Forward(target="log.example.org", protocol="tcp", encrypted=True, buffered=True)
    ]
    assert list(parse_journal_upload("[Upload]\n# URL=https://x\nURL=https://log.example.org:19532\n")) == [
        Forward(target="log.example.org", protocol="https", encrypted=True, buffered=True)
    ]
    assert list(parse_journal_upload("[Upload]\n# URL=\n")) == []


NONE = Unavailable(Reason.COMMAND_MISSING, "")
POSTFIX = MtaRunning(daemons=(MtaDaemon(mta=Mta.POSTFIX, pid=1, command="", ports=(25,)),))
EXIM = MtaRunning(daemons=(MtaDaemon(mta=Mta.EXIM, pid=1, command="", ports=(25,)),))
TLS = Forward(target="log.example.org", protocol="tcp", encrypted=True)


@pytest.mark.parametrize(
    ("forwards", "kind"),
    [
        ((), Failed),
        ((TLS,), Passed),
        ((Forward(target="log.example.org", protocol="tcp"),), Failed),
        ((Forward(target="10.0.0.9", protocol="tcp"),), Passed),
        ((Forward(target="10.0.0.9", protocol="udp"),), Failed),
        ((Forward(target="log.example.org", protocol="udp"), TLS), Passed),
    ],
)
def test_a_copy_counts_where_it_neither_loses_nor_shows_lines(forwards, kind):
    assert isinstance(
        log_shipped_off_host.judge(keeping(forwards=forwards), POSTFIX, NONE, Host(name="mx")), kind
    )


def test_exim_s_own_files_must_be_read_in_to_be_shipped():
    host = Host(name="mx")
    assert isinstance(log_shipped_off_host.judge(keeping(forwards=(TLS,)), EXIM, NONE, host), Failed)
    read_in = keeping(forwards=(TLS,), reads_files=("/var/log/exim4/mainlog",))
    assert isinstance(log_shipped_off_host.judge(read_in, EXIM, NONE, host), Passed)
    to_syslog = MtaSettings(
        mta=Mta.EXIM, exim=EximSettings(options=(("log_file_path", "syslog : /var/log/exim4/%slog"),))
    )
    assert isinstance(log_shipped_off_host.judge(keeping(forwards=(TLS,)), EXIM, to_syslog, host), Passed)


def test_the_copy_goes_where_the_inventory_says():
    host = Host(name="mx", declared=Declared(log_host="vault.example.org:6514"))
    verdict = log_shipped_off_host.judge(keeping(forwards=(TLS,)), POSTFIX, NONE, host)
    assert isinstance(verdict, Failed)
    assert "vault.example.org" in verdict.summary


def test_files_that_everybody_can_read_are_named():
    open_log = LogFile(
        path="/var/log/mail.log", mode=0o644, owner="syslog", group="adm", size=1, modified=0.0
    )
    verdict = log_private.judge(keeping(files=(open_log,)))
    assert isinstance(verdict, Failed)
    assert verdict.observed[0] == {"file": "/var/log/mail.log", "mode": "0644", "owner": "syslog:adm"}
    assert isinstance(log_private.judge(keeping()), Passed)
    assert isinstance(log_private.judge(keeping(files=())), NotApplicable)


def test_a_closed_directory_protects_open_files_in_it():
    closed = LogFile(
        path="/var/log/exim4", mode=0o2750, owner="Debian-exim", group="adm", size=60, modified=0.0
    )
    inside = LogFile(
        path="/var/log/exim4/mainlog", mode=0o644, owner="Debian-exim", group="adm", size=1, modified=0.0
    )
    assert isinstance(log_private.judge(keeping(files=(closed, inside))), Passed)
    opened = LogFile(
        path="/var/log/exim4", mode=0o2755, owner="Debian-exim", group="adm", size=60, modified=0.0
    )
    assert isinstance(log_private.judge(keeping(files=(opened, inside))), Failed)


def test_stat_lines_become_files_and_junk_does_not():
    text = "640|root|adm|321|1795304777|/var/log/mail.log\n999|x|y|z|q|/x\n\x1b[2J\n640|root|adm|321\n"
    assert [(file.path, file.mode) for file in parse_log_files(text)] == [("/var/log/mail.log", 0o640)]


@pytest.mark.parametrize(
    ("clock", "kind"),
    [
        (Clock(synchronised=True, ahead=1.0), Passed),
        (Clock(synchronised=False, ahead=1.0), Failed),
        (Clock(synchronised=False, in_container=True, ahead=1.0), Passed),
        (Clock(synchronised=False, in_container=True, ahead=None), Inconclusive),
        (Clock(synchronised=True, ahead=-296.0), Failed),
        (Clock(synchronised=True, ahead=4000.0), Failed),
    ],
)
def test_the_clock_must_be_kept_and_right(clock, kind):
    assert isinstance(clock_synchronised.judge(clock), kind)


def test_the_clock_is_read_from_timedatectl_date_and_the_kind_of_container():
    assert parse_clock(
        "NTPSynchronized=yes\n1795304777\ncontainer none\n", scan_started=1795304776.0
    ) == Clock(synchronised=True, in_container=False, ahead=1.0)
    assert parse_clock("NTPSynchronized=no\ncontainer other\n", scan_started=0.0) == Clock(
        synchronised=False, in_container=True, ahead=None
    )


def trace(text: str):
    return log_trace(
        Output(command="log-trace", exit_code=0, stdout=text.encode()), Options(label="abcdef012345")
    )


def test_the_trace_of_the_scan_names_the_place_and_keeps_the_line():
    found = trace(
        "/var/log/mail.log 2026-11-21T23:46:17 mx1 postfix/smtpd[1]: NOQUEUE: reject: from=<auditor-abcdef012345@x>\n"
    )
    assert found.places == ("/var/log/mail.log",)
    assert found.lines[0].startswith("2026-11-21T23:46:17 mx1 postfix/smtpd")


def test_a_search_that_returns_something_else_is_no_trace():
    with pytest.raises(CannotLook):
        trace("/var/log/mail.log a line that was never asked for\n")
    assert trace("").lines == ()
