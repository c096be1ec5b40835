import pytest

from auditor.model import Reason
from auditor.net import CannotLook
from auditor.transport import vantage
from auditor.transport.vantage import helo_name, literal
from tests.scripted import ScriptedNetwork

KNOWN = {("probe.example.org", "AAAA"): ("2001:db8::1",)}


async def test_a_name_that_resolves_is_our_name():
    assert await helo_name(ScriptedNetwork(KNOWN), hostname="Probe.example.org") == "probe.example.org"


async def test_a_short_name_is_completed_from_the_hosts_file(tmp_path, monkeypatch):
    monkeypatch.setattr(vantage, "HOSTS", tmp_path / "hosts")
    (tmp_path / "hosts").write_text(
        "127.0.0.1 localhost\n# 127.0.1.1 x.y probe\n127.0.1.1 probe.example.org probe\n"
    )
    assert await helo_name(ScriptedNetwork(KNOWN), hostname="probe") == "probe.example.org"


@pytest.mark.parametrize("answer", [(), CannotLook(Reason.TIMEOUT, "slow")])
async def test_a_name_that_does_not_resolve_is_not_used(answer):
    table = {("probe.example.org", "A"): answer, ("probe.example.org", "AAAA"): answer}
    assert await helo_name(ScriptedNetwork(table), hostname="probe.example.org") == "[203.0.113.10]"


async def test_without_a_hosts_file_a_short_name_gives_the_address(tmp_path, monkeypatch):
    monkeypatch.setattr(vantage, "HOSTS", tmp_path / "none")
    assert await helo_name(ScriptedNetwork(), hostname="probe") == "[203.0.113.10]"


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ((), "[127.0.0.1]"),
        (("127.0.0.1", "::1"), "[127.0.0.1]"),
        (("127.0.0.1", "2001:db8::1"), "[IPv6:2001:db8::1]"),
        (("10.0.0.1", "9.9.9.9"), "[9.9.9.9]"),
        (("fe80::1%eth0", "10.0.0.1"), "[10.0.0.1]"),
    ],
)
def test_the_literal_is_the_widest_address(addresses, expected):
    assert literal(frozenset(addresses)) == expected
