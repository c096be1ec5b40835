"""Lines of real mail programs, as the laboratory's hosts wrote them."""

import pytest

from auditor.evidence.delivery import Delivery, Fate

STAMP = "2026-11-22T03:40:01.000000+00:00 mx1"
POSTFIX = f"{STAMP} postfix/local[14352]: 87A7529C8B3: to=<box@example.org>, relay=local, delay=0.02, delays=0/0/0/0.01, dsn="


@pytest.mark.parametrize(
    ("line", "queue_id", "fate"),
    [
        (f"{POSTFIX}2.0.0, status=sent (delivered to mailbox)", "87A7529C8B3", Fate.DELIVERED),
        (f"{POSTFIX}5.1.1, status=bounced (unknown user)", "87A7529C8B3", Fate.FAILED),
        (f"{POSTFIX}4.4.1, status=deferred (connect to 192.0.2.9: timed out)", "87A7529C8B3", Fate.DEFERRED),
        (
            "2026-11-22 03:40:01 1xUsKd-0004es-1m => box <box@example.org> R=local_user T=mail_spool",
            "1xUsKd-0004es-1m",
            Fate.DELIVERED,
        ),
        (
            "2026-11-22 03:40:01 1xUsKy-000000004lr-3UnK ** x@no-such.example R=dnslookup: all relevant MX invalid",
            "1xUsKy-000000004lr-3UnK",
            Fate.FAILED,
        ),
        (
            "2026-11-22 03:40:01 1xUsKy-000000004lr-3UnK == x@away.example R=dnslookup defer (-1): host lookup did not complete",
            "1xUsKy-000000004lr-3UnK",
            Fate.DEFERRED,
        ),
        (
            f"{STAMP} smtpd[9]: 67a09b36ba6e0b76 mda delivery evpid=81ae26878a5c7297 from=<a@b.example> to=<box@example.org> rcpt=<box@example.org> user=box delay=0s result=Ok stat=Delivered",
            "81ae26878a5c7297",
            Fate.DELIVERED,
        ),
        (
            f'{STAMP} smtpd[9]: 67a09b36ba6e0b76 mta delivery evpid=81ae26878a5c7297 from=<> to=<x@away.example> rcpt=<-> source="-" relay="r" delay=7m52s result="TempFail" stat="Temporary failure in MX lookup"',
            "81ae26878a5c7297",
            Fate.DEFERRED,
        ),
        (
            f"{STAMP} sm-mta[7]: 6ALLAnsN023289: to=<box@example.org>, delay=00:00:02, xdelay=00:00:01, mailer=local, pri=30360, dsn=2.0.0, stat=Sent",
            "6ALLAnsN023289",
            Fate.DELIVERED,
        ),
        (
            f"{STAMP} sm-mta[7]: 6ALLAnsN023289: to=<x@no-such.example>, delay=00:00:00, mailer=esmtp, pri=30360, dsn=5.1.2, stat=Host unknown",
            "6ALLAnsN023289",
            Fate.FAILED,
        ),
    ],
)
def test_a_line_of_each_program_says_what_became_of_the_message(line: str, queue_id: str, fate: Fate):
    (outcome,) = Delivery(lines=(line,)).outcomes
    assert (outcome.queue_id, outcome.fate) == (queue_id, fate)


def test_the_last_attempt_counts():
    lines = (
        f"{POSTFIX}4.4.1, status=deferred (later)",
        f"{POSTFIX}2.0.0, status=sent (delivered to mailbox)",
    )
    (outcome,) = Delivery(lines=lines).outcomes
    assert outcome.fate is Fate.DELIVERED


def test_an_alias_that_is_followed_is_no_delivery_yet():
    assert Delivery(lines=(f"{POSTFIX}2.0.0, status=sent (forwarded as 4F2B)",)).outcomes == ()


def test_acceptance_and_foreign_lines_are_no_delivery():
    lines = (
        f"{STAMP} postfix/qmgr[30318]: 87A7529C8B3: from=<a@b.example>, size=303, nrcpt=1 (queue active)",
        f"{STAMP} sm-mta[7]: 6ALLAnsN023289: from=<a@b.example>, size=121, nrcpts=1, msgid=<l.25@b.example>",
        "\x1b[2J status=sent",
    )
    assert Delivery(lines=lines).outcomes == ()
