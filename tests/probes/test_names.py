import pytest

from auditor.model import Options
from auditor.probes._names import foreign_recipient, our_sender


@pytest.mark.parametrize(
    ("helo", "domain"),
    [
        ("scanner.example.net", "scanner.example.net"),
        ("Scanner.Example.NET.", "scanner.example.net"),
        ("localhost.localdomain", "example.com"),
        ("laptop.local", "example.com"),
        ("[203.0.113.10]", "example.com"),
        ("vm", "example.com"),
    ],
)
def test_the_sender_is_at_a_name_that_others_can_look_up(helo: str, domain: str):
    assert our_sender(Options(helo=helo)).domain == domain


@pytest.mark.parametrize(
    ("canary", "helo", "hosted", "recipient"),
    [
        ("me@collector.example", "scan.example.net", ("example.org",), "me@collector.example"),
        ("me@example.org", "scan.example.net", ("example.org",), "auditor-000000000000@scan.example.net"),
        (None, "desk.example.org", ("example.org",), "auditor-000000000000@example.com"),
        (None, "notexample.org", ("example.org",), "auditor-000000000000@notexample.org"),
    ],
)
def test_the_stranger_is_nobody_that_the_target_serves(canary, helo, hosted, recipient):
    assert str(foreign_recipient(Options(canary=canary, helo=helo), hosted)) == recipient
