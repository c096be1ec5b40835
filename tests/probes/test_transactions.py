"""Property: whatever a server does, each envelope has exactly one outcome, in order."""

from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.reply import Reply
from auditor.model import Options, Unavailable
from auditor.probes._call import transact
from auditor.probes._dialogue import Visit
from auditor.probes._transactions import Envelope
from tests.mail_server import MailServer, network

ANSWERS = ["250 Ok", "550 5.7.1 no", "421 bye\nHANGUP", "HANGUP", "", "250-half", "garbage", "250 Ok\n250 Ok"]


@given(st.lists(st.sampled_from(ANSWERS), max_size=15), st.booleans())
async def test_every_envelope_has_one_outcome_in_order(answers: list[str], pipelining: bool):
    server = MailServer(
        rcpt=lambda h, s, r, tls: answers[int(r.strip("<>").partition("@")[0])],
        extensions=("PIPELINING",) if pipelining else (),
    )
    envelopes = [
        Envelope(sender="<a@example.net>", recipient=f"<{n}@example.org>", helo="c.example.net")
        for n in range(len(answers))
    ]
    visit = Visit(network(smtp=server), Options(timeout=1), "198.51.100.10", 25, "mx1.example.org")
    outcomes = await transact(visit, envelopes)
    assert [o.recipient for o in outcomes] == [e.recipient for e in envelopes]
    for answer, outcome in zip(answers, outcomes, strict=True):
        assert isinstance(outcome.decisive, Reply | Unavailable)
        if isinstance(outcome.decisive, Reply) and answer.startswith("550"):
            assert outcome.decisive.code == 550
    assert server.connections <= 6 + len(envelopes)
