import subprocess

import pytest

from auditor.checks.probe_reaches_rcpt import CHECK, judge
from auditor.evidence.monitors import parse_monitors
from auditor.inside.command import Output
from auditor.inside.monitors import PROBES, monitors
from auditor.model import Declared, Failed, Host, Inconclusive, Passed, Reason
from auditor.net import CannotLook


def verdict(text="", **said):
    host = Host(name="mx1.example.org", declared=Declared(monitoring=tuple(said.items())))
    return judge(parse_monitors(text), host)


def test_a_probe_that_goes_to_rcpt_passes():
    assert isinstance(verdict("rcpt|/etc/cron.d/probe\ngreeting|/etc/monit/conf.d/mail\n"), Passed)


def test_a_probe_that_is_content_with_the_greeting_fails_as_in_incident_004():
    found = verdict("greeting|/etc/monit/conf.d/mail\n")
    assert isinstance(found, Failed)
    assert found.observed == ({"probe": "/etc/monit/conf.d/mail", "reaches": "greeting"},)


def test_what_watches_from_elsewhere_is_the_inventory_s_word():
    assert isinstance(verdict(by="a probe elsewhere", reaches="delivery"), Passed)
    assert isinstance(verdict("greeting|/etc/monit/x\n", by="a probe elsewhere", reaches="rcpt"), Passed)
    assert isinstance(verdict(by="a probe elsewhere", reaches="greeting"), Failed)


@pytest.mark.parametrize("said", [{}, {"by": "somebody"}, {"reaches": "the moon"}])
def test_nothing_seen_and_nothing_said_is_a_question_to_the_operator(said):
    found = verdict(**said)
    assert isinstance(found, Inconclusive)
    assert (found.reason, CHECK.asks) == (Reason.NOT_DECLARED, "mail_monitoring")


@pytest.mark.parametrize(
    ("line", "reach"),
    [
        ("if failed port 25 protocol smtp then restart", "greeting"),
        ("# if failed port 25 protocol smtp then restart", ""),
        ("command[smtp]=/usr/lib/nagios/plugins/check_smtp -H localhost", "greeting"),
        (
            "command[smtp]=/usr/lib/nagios/plugins/check_smtp -H x -C 'MAIL FROM:<>' -C 'RCPT TO:<a@b>'",
            "rcpt",
        ),
        ("command[mail]=/usr/local/bin/check_email_delivery --password secret", "delivery"),
        ("      - send: 'RCPT TO:<postmaster@example.org>'", "rcpt"),
        ("*/5 * * * * root auditor scan mx1.example.org --only smtp-transaction-completes", "rcpt"),
        ("*/5 * * * * root auditor scan mx1.example.org --canary box@elsewhere.example", "delivery"),
        ("*/5 * * * * root swaks --to a@b --quit-after RCPT", "rcpt"),
        ("*/5 * * * * root swaks --to a@b --quit-after EHLO", "greeting"),
        ("*/5 * * * * root swaks --to a@b -ap secret", "delivery"),
        ('  check_command = "smtp"', "greeting"),
        ("ExecStart=/usr/local/sbin/auditor-watch --peer mx2.example.org=postmaster@example.org", "rcpt"),
        ("ExecStart=/usr/local/sbin/auditor-watch", "greeting"),
        ("0 3 * * * root certbot renew", ""),
    ],
)
def test_only_the_depth_of_a_probe_leaves_the_host(tmp_path, line, reach):
    (tmp_path / "monit").mkdir()
    (tmp_path / "monit" / "a file").write_text(line + "\n")
    shell, option, program = PROBES.argv
    program = program.replace("/etc/", f"{tmp_path}/").replace("/var/spool/", f"{tmp_path}/none/")
    done = subprocess.run([shell, option, program], capture_output=True, text=True, check=True)
    assert done.stdout == (f"{reach}|{tmp_path}/monit/a file\n" if reach else "")


def test_a_host_that_did_not_show_its_files_is_not_one_without_probes():
    with pytest.raises(CannotLook):
        monitors(Output(command="smtp-monitors", exit_code=-1, problem=Reason.PRIVILEGE))
