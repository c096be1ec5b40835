"""The proof that mail is logged: our own label, in their log."""

import pytest

from auditor.checks.mail_log_written import judge
from auditor.evidence.logs import LogTrace
from auditor.evidence.relay import Phase, RelayAttempts
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, SmtpSessions, Transaction
from auditor.model import Failed, Inconclusive, Passed, Reason, Unavailable

LABEL = "abcdef012345"
NONE = Unavailable(Reason.REFUSED, "mx1.example.org port 25: refused")
OK, NO = Reply(code=250, lines=("ok",)), Reply(code=454, lines=("4.7.1 Relay access denied",))


def transaction(rcpt: Reply | Unavailable, label: str = LABEL) -> Transaction:
    return Transaction(
        sender=f"<auditor-{label}@scanner.example>", recipient="<x@example.com>", mail=OK, rcpt=rcpt
    )


def sessions(rcpt: Reply | Unavailable, label: str = LABEL) -> SmtpSessions:
    session = Session(local="203.0.113.10", banner=OK, hello=OK, transaction=transaction(rcpt, label))
    return SmtpSessions(doors=(Door(address="198.51.100.10", port=25, session=session),))


def attempts(rcpt: Reply) -> RelayAttempts:
    return RelayAttempts(
        phases=(Phase(address="198.51.100.10", port=25, encrypted=False, random=transaction(rcpt)),)
    )


def test_a_line_with_our_label_is_the_proof():
    line = f"postfix/smtpd[1]: NOQUEUE: reject: RCPT from x: 454; from=<auditor-{LABEL}@scanner.example>"
    verdict = judge(LogTrace(label=LABEL, lines=(line,), places=("/var/log/mail.log",)), NONE, NONE)
    assert isinstance(verdict, Passed)
    assert verdict.summary == "found in /var/log/mail.log"


@pytest.mark.parametrize(
    ("seen", "tried"), [(sessions(NO), NONE), (NONE, attempts(NO)), (sessions(OK), attempts(NO))]
)
def test_a_refused_recipient_without_a_line_means_that_nothing_is_logged(seen, tried):
    verdict = judge(LogTrace(label=LABEL), seen, tried)
    assert isinstance(verdict, Failed)
    assert LABEL in str(verdict.observed[0]["mail_from"])


@pytest.mark.parametrize(
    ("seen", "tried", "reason"),
    [
        (NONE, NONE, Reason.REFUSED),
        (sessions(OK), NONE, Reason.NOT_ASKED),
        (sessions(Unavailable(Reason.TIMEOUT, "")), NONE, Reason.NOT_ASKED),
        (sessions(NO, label="another12345"), NONE, Reason.NOT_ASKED),
        (sessions(OK), attempts(OK), Reason.NOT_ASKED),
    ],
)
def test_without_anything_that_must_be_logged_its_absence_proves_nothing(seen, tried, reason):
    verdict = judge(LogTrace(label=LABEL), seen, tried)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is reason
