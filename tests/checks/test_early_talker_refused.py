import pytest

from auditor.checks.early_talker_refused import judge
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import SmtpSessions
from auditor.evidence.synchronisation import EarlyTalk, EarlyTrial
from auditor.model import Failed, Inconclusive, Passed, Reason, Status, Unavailable
from auditor.net import CannotLook, Stream
from tests.mail_server import MailServer, network
from tests.scanning import find
from tests.scripted import ScriptedNetwork


def trial(*codes: int, ended: Reason | None = None) -> EarlyTalk:
    return EarlyTalk(
        trials=(
            EarlyTrial(
                address="198.51.100.10",
                replies=tuple(Reply(code=code, lines=("",)) for code in codes),
                ended=Unavailable(ended, "") if ended else None,
            ),
        )
    )


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (trial(220, 250), Failed),
        (trial(554, ended=Reason.CONNECTION_LOST), Passed),
        (trial(220, 554), Passed),
        (trial(ended=Reason.CONNECTION_LOST), Passed),
        (trial(ended=Reason.RATE_LIMITED), Passed),
        (trial(ended=Reason.TIMEOUT), Inconclusive),
        (trial(220, ended=Reason.TIMEOUT), Inconclusive),
    ],
)
def test_served_refused_and_unseen_are_told_apart(seen: EarlyTalk, verdict: type):
    assert isinstance(judge(seen, SmtpSessions(doors=())), verdict)


async def test_a_server_that_does_not_care_fails():
    assert (await find("early-talker-refused", network(smtp=MailServer()))).status is Status.FAILED


async def test_where_the_greeting_was_quicker_nothing_was_seen():
    quicker = CannotLook(Reason.UNSUPPORTED, "198.51.100.10 port 25: was quicker than we are")
    server, connections = MailServer(), iter(range(1, 100))

    def dial(address: str, port: int) -> Stream:
        if port != 25:
            raise CannotLook(Reason.REFUSED, "connection refused")
        if next(connections) > 1:
            raise quicker
        return server.stream()

    here = ScriptedNetwork({("mx1.example.org", "A"): ("198.51.100.10",)}, dial=dial)
    finding = await find("early-talker-refused", here)
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.UNSUPPORTED)
