from dataclasses import replace

import pytest

from auditor.checks.bare_newline_refused import judge
from auditor.evidence.mta import Mta
from auditor.evidence.mta_settings import MtaSettings
from auditor.evidence.postfix import PostfixSettings
from auditor.evidence.reply import Reply
from auditor.evidence.synchronisation import BareNewline
from auditor.model import Failed, Inconclusive, Passed, Reason, Severity, Status, Unavailable
from tests.mail_server import MailServer, hosts, network
from tests.scanning import OPTIONS, find

UNSEEN = Unavailable(Reason.NOT_ASKED, "no way in")


def newline(*lines: str) -> BareNewline:
    replies = tuple(Reply(code=int(line[:3]), lines=(line[4:],)) for line in lines)
    return BareNewline(address="198.51.100.10", replies=replies)


@pytest.mark.parametrize(
    "lines",
    [
        ("250 2.0.0 Ok: queued as 4F",),
        ("421 4.5.0 Bare linefeed (LF) not allowed",),
        ("550 5.5.2 bare <LF> received",),
        ("554 5.6.0 NUL",),
    ],
)
def test_one_answer_to_one_message_is_right(lines: tuple[str, ...]):
    """A conforming server answers one 250: a tool that takes this for a hole reports every server."""
    assert isinstance(judge(newline(*lines), UNSEEN), Passed)


def test_a_second_positive_answer_is_the_smuggled_command():
    verdict = judge(newline("250 2.0.0 Ok: queued as 4F", "250 2.0.0 Ok", "502 5.5.2 x"), UNSEEN)
    assert isinstance(verdict, Failed)
    assert verdict.severity is None


def test_an_end_of_data_without_the_command_behind_it_weighs_less():
    """OpenSMTPD, measured."""
    verdict = judge(
        newline("250 2.0.0 1234abcd Message accepted", "500 5.5.1 Pipelining not supported"), UNSEEN
    )
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.LOW


async def test_without_a_canary_nothing_is_sent_and_nothing_is_known():
    server = MailServer()
    finding = await find("bare-newline-refused", network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.NOT_CONSENTED)
    assert "DATA" not in server.log


async def test_with_a_canary_one_message_is_sent():
    server = MailServer(rcpt=hosts("postmaster@example.org", "canary@example.org"))
    options = replace(OPTIONS, canary="canary@example.org")
    finding = await find("bare-newline-refused", network(smtp=server), options=options)
    assert finding.status is Status.PASSED
    assert server.log.count("DATA") == 2, "this one, and that of the whole transaction"
    assert server.log.count("x\n.\nNOOP") == 1


async def test_a_canary_that_the_host_takes_no_mail_for_leaves_it_unknown():
    options = replace(OPTIONS, canary="canary@collector.example")
    finding = await find("bare-newline-refused", network(smtp=MailServer()), options=options)
    assert finding.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("no", Failed), ("yes", Passed), ("normalize", Passed), ("reject", Passed), ("", Inconclusive)],
)
def test_from_inside_the_configuration_of_postfix_answers(value: str, verdict: type):
    settings = MtaSettings(
        mta=Mta.POSTFIX, postfix=PostfixSettings(main=(("smtpd_forbid_bare_newline", value),))
    )
    unseen = Unavailable(Reason.NOT_CONSENTED, "needs --canary")
    assert isinstance(judge(unseen, settings), verdict)
    assert isinstance(judge(unseen, UNSEEN), Inconclusive)
