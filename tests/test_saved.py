import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, ip_network
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.discover import Target
from auditor.evidence.dns import Answer, Existence
from auditor.model import AcceptedRisk, Declared, Options, PerHost, Reason, SshTarget, Unavailable
from auditor.net import CannotLook
from auditor.saved import NotEvidence, _plain, make, read, redact, save
from auditor.scan import Request, conclude, look
from tests.catalogue import registry
from tests.scripted import ScriptedNetwork, ScriptedStream

TABLE = {
    ("example.org", "MX"): ("10 mx1.example.org.", "20 mx2.example.org."),
    ("example.org", "TXT"): CannotLook(Reason.SERVFAIL, "example.org TXT: SERVFAIL"),
    ("mx1.example.org", "A"): ("198.51.100.10",),
    ("mx2.example.org", "A"): ("198.51.100.11",),
    ("mx3.example.net", "A"): ("198.51.100.12",),
}
DECLARED = Declared(
    domains=("example.net",),
    accepted_risks=(AcceptedRisk(check="greeting-polite", reason="being replaced", until=date(2027, 1, 31)),),
)


def recorded():
    network = ScriptedNetwork(TABLE, dial=lambda *_: ScriptedStream([b"220 go away \x1b[2J\xff\r\n"]))
    ssh = SshTarget(host="198.51.100.12", user="root")
    targets = (Target("example.org"), Target("mx3.example.net", DECLARED, ssh))
    return asyncio.run(look(Request(targets=targets, options=Options()), registry(), network))


def test_saved_evidence_gives_the_same_findings_without_a_network():
    record = recorded()
    again = read(save(record), registry())
    assert again == record
    assert conclude(again, registry()) == conclude(record, registry())
    assert {finding.status.value for finding in conclude(again, registry()).findings} == {"failed", "unknown"}


def test_an_accepted_risk_survives_saving_and_is_still_shown_with_its_reason():
    scan = conclude(read(save(recorded()), registry()), registry())
    accepted = {f.subject: f.accepted for f in scan.findings if f.check == "greeting-polite"}
    assert accepted == {
        "mx1.example.org": None,
        "mx2.example.org": None,
        "mx3.example.net": "being replaced (until 2027-01-31)",
    }


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    text: str
    number: int | None
    ratio: float
    flag: bool
    raw: bytes
    when: datetime
    day: date | None
    span: timedelta
    colour: Colour
    mode: Literal["a", "b"]
    address: IPv4Address
    pair: tuple[str, int]
    answers: tuple[Answer | Unavailable, ...]
    names: frozenset[str]
    counts: dict[str, int]
    hosts: PerHost[Answer]


@given(st.text(), st.binary(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63))
def test_every_kind_of_field_comes_back_as_it_was(text, raw, ratio, number):
    answer = Answer(name="a.example", kind="TXT", existence=Existence.FOUND, records=("x",))
    piece = Everything(
        text="plain",
        number=number,
        ratio=ratio,
        flag=True,
        raw=raw,
        when=datetime(2026, 11, 21, tzinfo=UTC),
        day=None,
        span=timedelta(seconds=3),
        colour=Colour.RED,
        mode="b",
        address=IPv4Address("192.0.2.1"),
        pair=("x", 1),
        answers=(answer, Unavailable(Reason.TIMEOUT, "slow")),
        names=frozenset({"b", "a"}),
        counts={redact(text): 3},
        hosts=PerHost((("mx1", answer), ("mx2", Unavailable(Reason.REFUSED, "no")))),
    )
    assert make(Everything, json.loads(json.dumps(_plain(piece)))) == piece


def test_networks_come_back_too():
    network = ip_network("192.0.2.0/24")
    assert make(type(network), _plain(network)) == network


@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        ("password = hunter2", "password = [redacted]"),
        ("mysql://mail:hunter2@db/mail", "mysql://[redacted]@db/mail"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIhunter2\n-----END RSA PRIVATE KEY-----\nx", "[redacted]\nx"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2 cut off", "[redacted]"),
        (
            "smtp_sasl_password_maps = hash:/etc/postfix/sasl",
            "smtp_sasl_password_maps = hash:/etc/postfix/sasl",
        ),
        ("250 2.1.5 Ok", "250 2.1.5 Ok"),
    ],
)
def test_secrets_do_not_reach_the_file(secret, kept):
    assert redact(secret) == kept


def damaged():
    whole = json.loads(save(recorded()))

    def but(**changes):
        return json.dumps({**whole, **changes})

    piece = whole["pieces"][0]
    return {
        "empty": "",
        "no JSON": "{",
        "another document": "[]",
        "a scan instead": '{"schema": "auditor.scan/1"}',
        "a bomb of brackets": "[" * 100_000,
        "no UTF-8": b"\xff\xfe\x00",
        "nothing in it": '{"schema": "auditor.evidence/1"}',
        "a time that is none": but(started="yesterday"),
        "a foreign class": but(pieces=[{**piece, "value": {"is": "Popen", "args": "id"}}]),
        "text where a number belongs": but(options={**whole["options"], "timeout": "soon"}),
        "an option that does not exist": but(options={**whole["options"], "shell": "id"}),
        "a subject that is none": but(pieces=[{**piece, "subject": ["host", "other.example"]}]),
        "a kind of subject that is none": but(subjects=[{"kind": "object", "name": "x"}]),
        "half a piece": but(pieces=[{"subject": piece["subject"]}]),
        "checks that are no names": but(checks=[1]),
    }


@pytest.mark.parametrize("damage", damaged())
def test_a_damaged_or_hostile_file_is_refused_in_one_sentence(damage):
    with pytest.raises(NotEvidence) as refused:
        read(damaged()[damage], registry())
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_evidence_of_a_source_that_is_gone_is_skipped_because_nothing_asks_for_it():
    whole = json.loads(save(recorded()))
    whole["pieces"].append({"subject": ["host", "mx1.example.org"], "evidence": "old.Gone", "value": 1})
    assert read(json.dumps(whole), registry()) == recorded()
