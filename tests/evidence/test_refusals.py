"""Rows of the decision table, each with a reply that a real server gave."""

import pytest

from auditor.evidence.refusals import Meaning, meaning_of, no_answer
from auditor.evidence.reply import Reply
from auditor.model import Reason, Unavailable


def reply(line: str) -> Reply:
    return Reply(code=int(line[:3]), lines=(line[4:],))


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("250 2.1.5 Ok", Meaning.ACCEPTED),
        ("251 User not local; will forward", Meaning.ACCEPTED),
        ("252 2.0.0 Cannot VRFY user, but will accept", Meaning.ACCEPTED),
        ("554 5.7.1 <x@example.org>: Relay access denied", Meaning.RELAY_REFUSED),
        ("550 relay not permitted", Meaning.RELAY_REFUSED),
        ("550 5.7.1 <x@example.org>... Relaying denied", Meaning.RELAY_REFUSED),
        ("550 5.7.1 Relaying denied. IP name lookup failed [203.0.113.10]", Meaning.RELAY_REFUSED),
        ("550 5.7.1 Relaying denied. Proper authentication required.", Meaning.NEEDS_AUTH),
        ("454 4.7.1 <x@example.org>: Relay access denied", Meaning.RELAY_DEFERRED),
        ("530 5.7.0 Must issue a STARTTLS command first", Meaning.NEEDS_TLS),
        ("550 5.7.0 TLS required", Meaning.NEEDS_TLS),
        ("530 5.5.1 Must issue an AUTH command first", Meaning.NEEDS_AUTH),
        ("530 5.7.0 Authentication required", Meaning.NEEDS_AUTH),
        ("550 5.7.1 Client was not authenticated", Meaning.NEEDS_AUTH),
        ("553 5.7.1 <a@lab.test>: Sender address rejected: not logged in", Meaning.NEEDS_AUTH),
        ("550 5.1.1 <zz@lab.test>: Recipient address rejected: User unknown", Meaning.NO_SUCH_MAILBOX),
        ("550 Invalid recipient: <zz@lab.test>", Meaning.NO_SUCH_MAILBOX),
        ("550 Unrouteable address", Meaning.UNROUTABLE),
        ("556 5.1.10 Recipient address has null MX", Meaning.UNROUTABLE),
        ("501 <x@[192.0.2.1]>: domain literals not allowed", Meaning.SYNTAX),
        ("553 5.1.3 <a%b>... Invalid route address", Meaning.SYNTAX),
        ("550 restricted characters in address", Meaning.REFUSED),
        ("554 5.7.1 <x>: Access denied", Meaning.REFUSED),
        ("552 5.2.2 Over quota", Meaning.MAILBOX_FULL),
        ("452 4.2.2 mailbox full", Meaning.MAILBOX_FULL),
        ("450 4.2.0 <x>: Recipient address rejected: Greylisted, see http://example", Meaning.GREYLISTED),
        ("451 4.7.1 Please try again later", Meaning.GREYLISTED),
        ("450 4.3.2 Service currently unavailable", Meaning.GREYLISTED),
        ("450 4.7.1 Error: too much mail from 203.0.113.10", Meaning.RATE_LIMITED),
        ("421 4.7.0 mx Error: too many errors", Meaning.RATE_LIMITED),
        ("450 4.1.1 <x>: unverified address: Address verification in progress", Meaning.TEMPFAIL),
        ("451 4.3.0 Temporary lookup failure", Meaning.BROKEN),
        ("451 4.3.5 Server configuration problem", Meaning.BROKEN),
        ("451 Temporary local problem - please try later", Meaning.BROKEN),
        ("354 what?", Meaning.TEMPFAIL),
        ("554 5.7.1 Service unavailable; Client host [203.0.113.10] blocked using x", Meaning.PROBER_REFUSED),
        ("550 5.7.25 no PTR", Meaning.PROBER_REFUSED),
        ("553 5.1.8 Domain of sender address a@b does not exist", Meaning.PROBER_REFUSED),
        ("450 4.1.8 <a@b>: Sender address rejected: Domain not found", Meaning.PROBER_REFUSED),
        ("550 5.7.23 SPF validation failed", Meaning.PROBER_REFUSED),
        ("504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname", Meaning.PROBER_REFUSED),
    ],
)
def test_a_reply_means_what_its_program_means_by_it(line: str, meaning: Meaning):
    assert meaning_of(reply(line)) is meaning


def test_a_reply_about_us_or_about_later_is_no_answer_about_the_recipient():
    assert no_answer(reply("450 4.2.0 greylisted")) == Unavailable(Reason.GREYLISTED, "450 4.2.0 greylisted")
    assert no_answer(reply("550 5.1.1 unknown user")) is None
    assert no_answer(reply("454 4.7.1 Relay access denied")) is None
    lost = Unavailable(Reason.CONNECTION_LOST, "gone")
    assert no_answer(lost) is lost
