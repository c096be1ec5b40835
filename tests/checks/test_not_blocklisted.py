from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.checks import not_blocklisted
from auditor.evidence.blocklists import BLOCKLISTS, Lists, death_of, question
from auditor.evidence.dns import HostAddresses
from auditor.model import Declared, Failed, Host, Inconclusive, Options, Passed, Reason, Severity
from auditor.probes.blocklists import blocklist_answers
from tests.dns_evidence import failing, zone
from tests.scripted import answer

ZEN_ALIVE = {"2.0.0.127.zen.spamhaus.org A": ("127.0.0.2", "127.0.0.4", "127.0.0.10")}
MX = Host(name="mx.example.org", domains=("example.org",))
V6 = "2001:db8::25"
NIBBLES = "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
V6_ALIVE = {"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.zen.spamhaus.org A": "127.0.0.2"}


async def verdict(zones=("zen.spamhaus.org",), addresses=("198.51.100.1",), **table):
    found = HostAddresses(
        v4=tuple(a for a in addresses if ":" not in a), v6=tuple(a for a in addresses if ":" in a)
    )
    answers = await blocklist_answers(MX, found, zone(table), Options(dnsbl=zones))
    return not_blocklisted.judge(answers)


async def test_an_address_on_no_list_passes():
    assert isinstance(await verdict(**ZEN_ALIVE), Passed)


async def test_a_listed_address_fails_with_its_meaning():
    found = await verdict(**ZEN_ALIVE, **{"1.100.51.198.zen.spamhaus.org A": "127.0.0.4"})
    assert isinstance(found, Failed)
    assert found.severity is Severity.HIGH
    assert found.observed[0]["says"] == "XBL: compromised host"


async def test_the_reason_is_read_where_the_code_says_nothing():
    found = await verdict(
        ("bl.spamcop.net",),
        **{
            "2.0.0.127.bl.spamcop.net A": "127.0.0.2",
            "1.100.51.198.bl.spamcop.net A": "127.0.0.2",
            "1.100.51.198.bl.spamcop.net TXT": "Blocked - see https://www.spamcop.net/",
        },
    )
    assert isinstance(found, Failed)
    assert found.severity is Severity.MEDIUM
    assert found.observed[0]["says"].startswith("Blocked")


async def test_a_listing_says_how_long_the_resolver_will_repeat_it():
    """A list that has let go still seems to list until then."""
    name = "1.100.51.198.zen.spamhaus.org"
    found = await verdict(**ZEN_ALIVE, **{f"{name} A": replace(answer(name, "A", "127.0.0.4"), ttl=3480)})
    assert isinstance(found, Failed)
    assert found.observed[0]["cached_seconds"] == 3480


async def test_lists_of_the_inventory_are_asked_beside_the_built_in_ones_and_those_of_the_command_line_instead():
    table = {"2.0.0.127.bl.example A": "127.0.0.2", "1.100.51.198.bl.example A": "127.0.0.2"}
    host = Host(name="mx.example.org", declared=Declared(blocklists=("bl.example", "dnsbl.sorbs.net")))
    addresses = HostAddresses(v4=("198.51.100.1",))
    both = await blocklist_answers(host, addresses, zone(table), Options())
    assert [listing.zone for listing in both.listings] == ["bl.example"]
    assert {"zen.spamhaus.org", "bl.spamcop.net", "bl.example"} < {state.zone for state in both.zones}
    assert "dnsbl.sorbs.net" not in {state.zone for state in both.zones}, "closed in 2024"
    other = await blocklist_answers(host, addresses, zone(table), Options(dnsbl=("psbl.surriel.com",)))
    assert {state.zone for state in other.zones} == {"psbl.surriel.com"}


@pytest.mark.parametrize("code", ["127.255.255.252", "127.255.255.254", "127.255.255.255", "127.0.0.1"])
async def test_a_list_that_refuses_the_resolver_is_unknown_neither_clean_nor_listed(code):
    """Mail-in-a-Box reads it as a listing (#2184); others as clean."""
    found = await verdict(**ZEN_ALIVE, **{"1.100.51.198.zen.spamhaus.org A": code})
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.PROBER_REFUSED


async def test_a_resolver_that_rewrites_answers_lists_nobody():
    found = await verdict(**ZEN_ALIVE, **{"1.100.51.198.zen.spamhaus.org A": "203.0.113.80"})
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.MALFORMED


async def test_a_zone_that_lists_everything_is_not_believed():
    world = {"2.0.0.127.bl.example A": "127.0.0.2", "1.0.0.127.bl.example A": "127.0.0.2"}
    found = await verdict(
        ("bl.example", "zen.spamhaus.org"), **world, **ZEN_ALIVE, **{"1.100.51.198.bl.example A": "127.0.0.2"}
    )
    assert isinstance(found, Passed)


async def test_a_small_zone_that_does_not_list_its_test_point_is_left_out_and_a_large_one_is_unknown():
    assert isinstance(await verdict(("psbl.surriel.com", "zen.spamhaus.org"), **ZEN_ALIVE), Passed)
    assert isinstance(await verdict(), Inconclusive)


async def test_ipv6_is_asked_by_nibbles():
    """Mail-in-a-Box reverses 16-bit groups, modoboa keeps the colons: neither ever finds a listing."""
    assert isinstance(await verdict(addresses=(V6,), **V6_ALIVE), Passed)
    listed = {f"{NIBBLES}.zen.spamhaus.org A": "127.0.0.3"}
    assert isinstance(await verdict(addresses=(V6,), **V6_ALIVE, **listed), Failed)


async def test_a_domain_list_is_asked_about_names():
    alive = {"dbltest.com.dbl.spamhaus.org A": "127.0.1.2"}
    assert isinstance(await verdict(("dbl.spamhaus.org",), **alive), Passed)
    found = await verdict(("dbl.spamhaus.org",), **alive, **{"example.org.dbl.spamhaus.org A": "127.0.1.4"})
    assert isinstance(found, Failed)
    assert found.observed[0]["says"] == "phishing"


async def test_uribl_answers_one_for_a_refusal():
    alive = {"test.uribl.com.multi.uribl.com A": "127.0.0.14"}
    found = await verdict(("multi.uribl.com",), **alive, **{"example.org.multi.uribl.com A": "127.0.0.1"})
    assert isinstance(found, Inconclusive)


@pytest.mark.parametrize("reason", [Reason.SERVFAIL, Reason.TIMEOUT, Reason.DNS_REFUSED])
async def test_a_list_that_gave_no_answer_is_unknown(reason):
    found = await verdict(**ZEN_ALIVE, **{"1.100.51.198.zen.spamhaus.org A": failing(reason)})
    assert isinstance(found, Inconclusive)
    assert found.reason is reason


async def test_dead_lists_are_never_asked():
    network = zone({})
    addresses = HostAddresses(v4=("198.51.100.1",))
    await blocklist_answers(MX, addresses, network, Options(dnsbl=("dnsbl.sorbs.net", "cbl.abuseat.org")))
    assert network.resolver.asked == []


def test_no_list_in_the_built_in_set_is_dead():
    assert not [blocklist.zone for blocklist in BLOCKLISTS if death_of(blocklist.zone) is not None]


async def test_a_private_address_is_nobodys_business():
    network = zone({})
    await blocklist_answers(
        Host(name="10.0.0.1", addresses=("10.0.0.1",)), HostAddresses(v4=("10.0.0.1",)), network, Options()
    )
    assert network.resolver.asked == []


@given(st.ip_addresses(v=6))
def test_every_ipv6_question_has_32_nibbles(address):
    assert len(question(str(address), "bl.example", Lists.V6).split(".")) == 34
