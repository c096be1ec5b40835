"""Sending by login, from the words of three logs."""

import pytest

from auditor.checks.outbound_abuse_absent import judge
from auditor.evidence.mta import Mta, MtaDaemon, MtaRunning
from auditor.evidence.senders import LoginCount, SentByLogin, parse_counts
from auditor.inside.command import Output
from auditor.inside.senders import sent_by_login
from auditor.model import Declared, Failed, Host, Inconclusive, NotApplicable, Passed, Reason, Unavailable
from auditor.net import CannotLook

HOST = Host(name="mx")
COUNTED = """\
   4000 sasl_username=alice@example.org
     12 authid=bob
      7 A=plain_server:carol
      3 A=login:carol
      1 nonsense
"""


def running(mta: Mta) -> MtaRunning:
    return MtaRunning(daemons=(MtaDaemon(mta=mta, pid=1, command="", ports=(25,)),))


def test_logins_are_counted_over_every_form():
    assert parse_counts(COUNTED) == (
        LoginCount(login="alice@example.org", messages=4000),
        LoginCount(login="bob", messages=12),
        LoginCount(login="carol", messages=10),
    )


@pytest.mark.parametrize(
    ("messages", "limits", "kind"),
    [
        (1000, (), Passed),
        (1001, (), Failed),
        (60, (("per_day", 50),), Failed),
        (3000, (("per_day", 5000),), Passed),
    ],
)
def test_an_account_is_held_against_the_limit_of_the_inventory(messages, limits, kind):
    sent = SentByLogin(logins=(LoginCount(login="alice", messages=messages),))
    host = Host(name="mx", declared=Declared(limits=limits))
    assert isinstance(judge(running(Mta.POSTFIX), sent, host), kind)


def test_nobody_sending_is_fine_and_not_seeing_is_not():
    assert isinstance(judge(running(Mta.EXIM), SentByLogin(), HOST), Passed)
    silent = SentByLogin(log_seen=False)
    assert isinstance(judge(running(Mta.EXIM), silent, HOST), Inconclusive)
    assert isinstance(judge(running(Mta.EXIM), Unavailable(Reason.PRIVILEGE, "no root"), HOST), Inconclusive)


@pytest.mark.parametrize(("stdout", "seen"), [("     31 mail-lines\n", True), ("", False)])
def test_a_log_without_lines_is_not_taken_for_a_day_without_senders(stdout, seen):
    output = Output(command="sent-by-login", exit_code=0, stdout=stdout.encode())
    assert sent_by_login(output, running(Mta.POSTFIX)) == SentByLogin(log_seen=seen)


def test_opensmtpd_does_not_tell_and_that_is_said():
    with pytest.raises(CannotLook):
        sent_by_login(Output(command="x", exit_code=0), running(Mta.OPENSMTPD))
    assert isinstance(judge(running(Mta.OPENSMTPD), SentByLogin(), HOST), NotApplicable)
