import pytest

from auditor.evidence.dns import HostAddresses
from auditor.model import Host, Reason
from auditor.net import CannotLook
from auditor.probes.addresses import host_addresses
from tests.scripted import ScriptedNetwork


async def test_both_families_are_looked_up():
    network = ScriptedNetwork(
        {("mx.example.org", "A"): ("192.0.2.1",), ("mx.example.org", "AAAA"): ("2001:db8::1", "2001:db8::2")}
    )
    found = await host_addresses(Host(name="mx.example.org"), network)
    assert found == HostAddresses(v4=("192.0.2.1",), v6=("2001:db8::1", "2001:db8::2"))
    assert found.every == ("192.0.2.1", "2001:db8::1", "2001:db8::2")


async def test_an_address_given_as_target_is_not_asked_for():
    network = ScriptedNetwork()
    found = await host_addresses(Host(name="2001:db8::1", addresses=("2001:db8::1",)), network)
    assert found == HostAddresses(v6=("2001:db8::1",))
    assert network.resolver.asked == []


async def test_a_name_without_addresses_is_a_proven_answer():
    assert await host_addresses(Host(name="mx.example.org"), ScriptedNetwork()) == HostAddresses()


async def test_a_family_that_could_not_be_asked_leaves_nothing_proven():
    network = ScriptedNetwork(
        {
            ("mx.example.org", "A"): ("192.0.2.1",),
            ("mx.example.org", "AAAA"): CannotLook(Reason.SERVFAIL, "x"),
        }
    )
    with pytest.raises(CannotLook):
        await host_addresses(Host(name="mx.example.org"), network)
