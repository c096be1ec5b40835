import pytest

from auditor.model import Status
from tests.mail_server import MailServer, network
from tests.scanning import find

KNOWN, MADE_UP = "VRFY postmaster@example.org", "VRFY zz-0123456789ab-v@example.org"


@pytest.mark.parametrize(
    "verbs",
    [
        {},
        {KNOWN: "252 2.0.0 cannot tell", MADE_UP: "252 2.0.0 cannot tell"},
        {KNOWN: "501 must contain a domain", MADE_UP: "252 Administrative prohibition"},
        {KNOWN: "252 Administrative prohibition", MADE_UP: "501 must contain a domain"},
        {"EXPN": "550 Administrative prohibition"},
    ],
    ids=["not known", "252 to everything", "Exim", "Exim the other way", "EXPN refused"],
)
async def test_a_server_that_tells_nothing_passes(verbs: dict[str, str]):
    finding = await find("recipients-not-enumerable", network(smtp=MailServer(verbs=verbs)))
    assert finding.status is Status.PASSED


@pytest.mark.parametrize(
    "verbs",
    [
        {KNOWN: "250 2.1.5 root <root@mx>", MADE_UP: "550 5.1.1 User unknown"},
        {KNOWN: "252 2.0.0 postmaster", MADE_UP: "550 5.1.1 unknown user"},
        {"EXPN": "250 2.1.5 root <root@mx>"},
    ],
    ids=["Sendmail", "Postfix", "EXPN"],
)
async def test_a_server_that_gives_mailboxes_away_fails(verbs: dict[str, str]):
    finding = await find("recipients-not-enumerable", network(smtp=MailServer(verbs=verbs)))
    assert finding.status is Status.FAILED


async def test_saying_that_a_mailbox_does_not_exist_gives_as_much_away():
    finding = await find(
        "recipients-not-enumerable", network(smtp=MailServer(verbs={KNOWN: "550 5.1.1 User unknown"}))
    )
    assert finding.status is Status.FAILED
    assert finding.summary == "VRFY tells which mailboxes do not exist: 550 5.1.1 User unknown"


async def test_both_answers_are_told_because_252_alone_says_nothing():
    verbs = {KNOWN: "252 2.0.0 postmaster", MADE_UP: "550 5.1.1 unknown user"}
    finding = await find("recipients-not-enumerable", network(smtp=MailServer(verbs=verbs)))
    assert finding.summary == (
        "VRFY answers a mailbox that exists with 252 2.0.0 postmaster, "
        "and a made-up one with 550 5.1.1 unknown user"
    )


async def test_that_rcpt_tells_mailboxes_apart_is_its_duty():
    assert (await find("recipients-not-enumerable", network(smtp=MailServer()))).status is Status.PASSED


async def test_hanging_up_on_the_question_is_unknown():
    finding = await find("recipients-not-enumerable", network(smtp=MailServer(verbs={"VRFY": "HANGUP"})))
    assert finding.status is Status.UNKNOWN


async def test_a_verb_that_is_refused_is_not_tried_again():
    """Three errors are what a hardened Postfix forgives on one connection."""
    server = MailServer(verbs={"VRFY": "502 5.5.1 VRFY command is disabled"})
    await find("recipients-not-enumerable", network(smtp=server))
    assert [line for line in server.log if line[:4] in {"VRFY", "EXPN"}] == [
        KNOWN,
        "EXPN postmaster@example.org",
    ]
