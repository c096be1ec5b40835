"""Every accepted message ends in exactly one class, in the log lines of each mail program."""

import pytest

from auditor.runbook.accounting import PARSERS, Traffic, balance

LOGS = {
    "postfix": """\
2026-11-21T21:00:00.1+00:00 mx1 postfix/smtpd[11]: 87A7529C8B3: client=mx.prober.test[192.0.2.10]
2026-11-21T21:00:00.2+00:00 mx1 postfix/qmgr[12]: 87A7529C8B3: from=<audit@mx.prober.test>, size=303, nrcpt=1 (queue active)
2026-11-21T21:00:00.3+00:00 mx1 postfix/local[13]: 87A7529C8B3: to=<root@lab.test>, relay=local, delay=0.02, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)
2026-11-21T21:00:00.4+00:00 mx1 postfix/qmgr[12]: 87A7529C8B3: removed
2026-11-21T21:00:01.1+00:00 mx1 postfix/qmgr[12]: 0E06829C8B5: from=<a@b.test>, size=303, nrcpt=1 (queue active)
2026-11-21T21:00:01.2+00:00 mx1 postfix/smtp[14]: 0E06829C8B5: to=<x@y.test>, relay=none, delay=1, delays=1/0/0/0, dsn=5.4.4, status=bounced (Host not found)
2026-11-21T21:00:02.1+00:00 mx1 postfix/qmgr[12]: 1A06829C8B5: from=<a@b.test>, size=303, nrcpt=1 (queue active)
2026-11-21T21:00:02.2+00:00 mx1 postfix/smtp[14]: 1A06829C8B5: to=<x@y.test>, relay=none, delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (timed out)
2026-11-21T21:00:03.1+00:00 mx1 postfix/smtpd[15]: NOQUEUE: reject: RCPT from unknown[192.0.2.10]: 454 4.7.1 <a@b>: Relay access denied
""",
    "exim4": """\
2026-11-21 21:00:00 1xUsKd-0004es-1m <= audit@mx.prober.test H=mx.prober.test [192.0.2.10] P=esmtp S=314
2026-11-21 21:00:00 1xUsKd-0004es-1m => /var/mail/mail <root@lab.test> R=mail4root T=address_file
2026-11-21 21:00:00 1xUsKd-0004es-1m Completed
2026-11-21 21:00:01 1xUsKy-000000004lr-3UnK <= a@b.test H=x [192.0.2.1] P=esmtp S=314
2026-11-21 21:00:01 1xUsKy-000000004lr-3UnK ** x@y.test R=dnslookup T=remote_smtp: all hosts failed
2026-11-21 21:00:02 1xUsKf-0004es-1n <= a@b.test H=x [192.0.2.1] P=esmtp S=314
2026-11-21 21:00:02 1xUsKf-0004es-1n == x@y.test R=dnslookup defer (-1): host lookup did not complete
""",
    "opensmtpd": """\
2026-11-21T21:00:00.1+00:00 mx1 smtpd[5]: 67a09b36ba6e0b76 smtp message msgid=81ae2687 size=1189 nrcpt=1 proto=ESMTP
2026-11-21T21:00:00.2+00:00 mx1 smtpd[5]: 67a09b36ba6e0b77 mda delivery evpid=81ae26878a5c7297 from=<> to=<root@x> rcpt=<root@x> user=root delay=0s result=Ok stat=Delivered
2026-11-21T21:00:01.1+00:00 mx1 smtpd[5]: 67a09b36ba6e0b76 smtp message msgid=91ae2687 size=1189 nrcpt=1 proto=ESMTP
2026-11-21T21:00:01.2+00:00 mx1 smtpd[5]: 67a09b36ba6e0b78 mda delivery evpid=91ae26878a5c7297 from=<> to=<root@x> rcpt=<root@x> user=root delay=0s result=PermFail stat=Error (denied)
2026-11-21T21:00:02.1+00:00 mx1 smtpd[5]: 67a09b36ba6e0b76 smtp message msgid=a1ae2687 size=1189 nrcpt=1 proto=ESMTP
2026-11-21T21:00:02.2+00:00 mx1 smtpd[5]: 0000000000000000 mta delivery evpid=a1ae26878a5c7297 from=<> to=<x@y> rcpt=<-> source="-" relay="" delay=7m52s result="TempFail" stat="Temporary failure in MX lookup"
""",
    "sendmail": """\
2026-11-21T21:00:00.1+00:00 mx1 sm-mta[9]: 6ALLAnsN023289: from=<audit@x>, size=121, class=0, nrcpts=1, msgid=<a@b>, proto=ESMTP, daemon=MTA-v4, relay=x [192.0.2.10]
2026-11-21T21:00:00.2+00:00 mx1 sm-mta[9]: 6ALLAnsN023289: to=<root@lab.test>, delay=00:00:02, xdelay=00:00:01, mailer=local, pri=30360, dsn=2.0.0, stat=Sent
2026-11-21T21:00:01.1+00:00 mx1 sm-mta[9]: 6ALLAnsN023290: from=<audit@x>, size=121, class=0, nrcpts=1, msgid=<a@c>, proto=ESMTP, daemon=MTA-v4, relay=x [192.0.2.10]
2026-11-21T21:00:01.2+00:00 mx1 sm-mta[9]: 6ALLAnsN023290: to=<x@y.test>, delay=00:00:02, mailer=esmtp, pri=30360, dsn=5.1.2, stat=Host unknown
2026-11-21T21:00:02.1+00:00 mx1 sm-mta[9]: 6ALLAnsN023291: from=<audit@x>, size=121, class=0, nrcpts=1, msgid=<a@d>, proto=ESMTP, daemon=MTA-v4, relay=x [192.0.2.10]
2026-11-21T21:00:02.2+00:00 mx1 sm-mta[9]: 6ALLAnsN023291: to=<x@y.test>, delay=00:00:02, mailer=esmtp, pri=30360, dsn=4.0.0, stat=Deferred: Connection timed out
2026-11-21T21:00:03.1+00:00 mx1 sm-mta[9]: 6ALLAnsN023292: from=<audit@x>, size=0, class=0, nrcpts=0, proto=ESMTP, daemon=MTA-v4, relay=x [192.0.2.10]
2026-11-21T21:00:04.1+00:00 mx1 sm-mta[9]: 6ALLAnsN023293: from=<audit@x>, size=0, class=0, nrcpts=1, proto=ESMTP, daemon=MTA-v4, relay=x [192.0.2.10]
""",
}
WAITS = {
    "postfix": "1A06829C8B5",
    "exim4": "1xUsKf-0004es-1n",
    "opensmtpd": "a1ae2687",
    "sendmail": "6ALLAnsN023291",
}


@pytest.mark.parametrize("mta", LOGS)
@pytest.mark.parametrize(("held", "words"), [(False, "queued 1 + held 0"), (True, "queued 0 + held 1")])
def test_one_delivered_one_bounced_one_waiting(mta, held, words):
    found = balance(PARSERS[mta](LOGS[mta].splitlines()), {WAITS[mta]: held}, frozenset())
    assert found.sentence() == f"accepted 3 = delivered 1 + bounced 1 + {words} + removed by us 0"


@pytest.mark.parametrize("mta", LOGS)
def test_what_we_removed_is_counted_and_what_nobody_knows_of_is_lost(mta):
    traffic = PARSERS[mta](LOGS[mta].splitlines())
    assert balance(traffic, {}, frozenset({WAITS[mta]})).removed == 1
    assert balance(traffic, {}, frozenset()).lost == (WAITS[mta],)
    assert "NOT ACCOUNTED FOR 1" in balance(traffic, {}, frozenset()).sentence()


def test_a_message_that_bounced_for_one_of_its_recipients_is_not_called_delivered():
    traffic = Traffic(accepted=frozenset({"A"}), delivered=frozenset({"A"}), bounced=frozenset({"A"}))
    found = balance(traffic, {}, frozenset())
    assert (found.bounced, found.delivered) == (1, 0)
