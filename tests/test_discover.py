import pytest

from auditor.discover import MAX_MX, Target, discover, is_address, parse_mx
from auditor.evidence.dns import Answer, Existence
from auditor.model import Declared, Domain, Host, Reason, SshTarget
from auditor.net import CannotLook
from tests.scripted import ScriptedNetwork

TABLE = {
    ("example.org", "MX"): ("20 mx2.example.org.", "10 MX1.example.org."),
    ("mx1.example.org", "A"): ("198.51.100.10",),
    ("mx2.example.org", "AAAA"): ("2001:db8::10",),
    ("null.example", "MX"): ("0 .",),
    ("null.example", "A"): ("198.51.100.11",),
    ("self.example", "MX"): ("10 self.example.",),
    ("self.example", "A"): ("198.51.100.12",),
    ("zone.example", "SOA"): ("ns1.zone.example. hostmaster.zone.example. 1 7200 900 1209600 300",),
    ("zone.example", "A"): ("198.51.100.14",),
    ("lone.example.net", "A"): ("198.51.100.13",),
}
WAY = SshTarget(host="10.0.0.9", user="root")


async def found(*targets, table=TABLE):
    return await discover(targets, ScriptedNetwork(table))


def records(*lines):
    return Answer(name="x", kind="MX", existence=Existence.FOUND, records=lines)


@pytest.mark.parametrize(
    ("lines", "hosts"),
    [
        (("20 b.", "10 a."), ("a", "b")),
        (("10 a.", "20 a."), ("a",)),
        (("0 .",), ()),
        (("", "x", "10", "ten a.", "-1 a.", "10  B.Example."), ("b.example",)),
    ],
)
def test_mx_records_are_read_by_preference_and_nonsense_is_left_out(lines, hosts):
    assert parse_mx(records(*lines)) == hosts


async def test_a_domain_brings_its_mail_hosts_along():
    assert await found(Target("example.org")) == (
        Domain(name="example.org", hosts=("mx1.example.org", "mx2.example.org")),
        Host(name="mx1.example.org", domains=("example.org",)),
        Host(name="mx2.example.org", domains=("example.org",)),
    )


async def test_a_mail_host_brings_the_domain_along_whose_mx_it_is():
    assert await found(Target("mx2.example.org")) == (
        Host(name="mx2.example.org", domains=("example.org",)),
        Domain(name="example.org", hosts=("mx2.example.org",)),
    )


async def test_a_host_that_is_its_own_domain_is_both_once():
    assert await found(Target("self.example")) == (
        Domain(name="self.example", hosts=("self.example",)),
        Host(name="self.example", domains=("self.example",)),
    )


async def test_a_host_of_no_domain_is_a_host():
    assert await found(Target("lone.example.net")) == (Host(name="lone.example.net"),)


async def test_a_domain_with_a_null_mx_has_no_mail_host():
    assert await found(Target("null.example")) == (Domain(name="null.example"),)


async def test_a_domain_without_mx_is_its_own_mail_host():
    assert await found(Target("zone.example")) == (
        Domain(name="zone.example", hosts=("zone.example",)),
        Host(name="zone.example", domains=("zone.example",)),
    )


async def test_what_the_inventory_says_is_kept_when_the_domain_is_named_too():
    declared = Declared(domains=("example.org",), dkim_selectors=("s1",))
    for targets in (
        (Target("example.org"), Target("mx1.example.org", declared)),
        (Target("mx1.example.org", declared), Target("example.org")),
    ):
        subjects = {(type(s), s.name): s for s in await found(*targets)}
        assert subjects[Domain, "example.org"].declared == declared
        assert subjects[Host, "mx1.example.org"].declared == declared


async def test_a_name_of_which_nothing_is_known_is_a_domain():
    assert await found(Target("nowhere.example.com")) == (Domain(name="nowhere.example.com"),)


@pytest.mark.parametrize("address", ["198.51.100.10", "2001:db8::10"])
async def test_an_address_is_a_host_at_that_address(address):
    assert await found(Target(address)) == (Host(name=address, addresses=(address,)),)


async def test_the_inventory_says_which_domains_a_host_serves():
    declared = Declared(domains=("example.com",))
    subjects = await found(Target("lone.example.net", declared, WAY))
    assert subjects == (
        Host(name="lone.example.net", domains=("example.com",), ssh=WAY, declared=declared),
        Domain(name="example.com", hosts=("lone.example.net",), declared=declared),
    )


async def test_a_domain_that_sends_nothing_is_looked_at_but_whoever_takes_its_mail_is_not_ours():
    said = Declared(domains=("zone.example",), silent_domains=("example.org", "zone.example"))
    assert await found(Target("lone.example.net", said)) == (
        Host(name="lone.example.net", domains=("zone.example",), declared=said),
        Domain(name="zone.example", hosts=("lone.example.net",), declared=said),
        Domain(name="example.org", declared=said),
    )


async def test_an_inventory_name_that_the_dns_does_not_know_is_reached_where_ansible_reaches_it():
    (host,) = await found(Target("mail-a", Declared(), WAY))
    assert isinstance(host, Host)
    assert host.addresses == ("10.0.0.9",)


async def test_a_domain_served_by_two_hosts_of_the_inventory_has_both():
    declared = Declared(domains=("example.com",))
    subjects = await found(Target("mx1.example.org", declared), Target("mx2.example.org", declared))
    assert [s for s in subjects if isinstance(s, Domain)] == [
        Domain(name="example.com", hosts=("mx1.example.org", "mx2.example.org"), declared=declared)
    ]


async def test_a_host_named_twice_is_one_host_with_all_that_is_known_of_it():
    subjects = await found(Target("example.org"), Target("mx1.example.org", None, WAY))
    hosts = {s.name: s for s in subjects if isinstance(s, Host)}
    assert hosts["mx1.example.org"].ssh == WAY
    assert hosts["mx2.example.org"].ssh is None


async def test_a_way_in_belongs_to_the_mx_host_of_that_name_or_to_the_only_one():
    named = WAY.__class__(host="mx2.example.org")
    hosts = {s.name: s for s in await found(Target("example.org", None, named)) if isinstance(s, Host)}
    assert (hosts["mx1.example.org"].ssh, hosts["mx2.example.org"].ssh) == (None, named)
    only = [s for s in await found(Target("self.example", None, WAY)) if isinstance(s, Host)]
    assert only[0].ssh == WAY


async def test_a_dns_that_does_not_answer_leaves_a_host_without_relations():
    silent = CannotLook(Reason.TIMEOUT, "no answer")
    table = {
        (name, kind): silent for name in ("mx1.example.org", "example.org") for kind in ("MX", "A", "AAAA")
    }
    assert await found(Target("mx1.example.org"), table=table) == (Host(name="mx1.example.org"),)


async def test_a_name_of_which_nothing_is_known_is_looked_at_as_domain_and_as_host():
    """A bogus zone gives SERVFAIL to every question: taken for a host, none of its own checks would be made."""
    table = {
        ("bogus.example", kind): CannotLook(Reason.SERVFAIL, "bogus") for kind in ("MX", "SOA", "A", "AAAA")
    }
    assert await found(Target("bogus.example"), table=table) == (
        Domain(name="bogus.example", hosts=("bogus.example",)),
        Host(name="bogus.example", domains=("bogus.example",)),
    )


async def test_a_zone_with_ten_thousand_mx_costs_a_bounded_number_of_hosts():
    table = {("example.org", "MX"): tuple(f"10 mx{n}.example.org." for n in range(10_000))}
    subjects = await found(Target("example.org"), table=table)
    assert len(subjects) == 1 + MAX_MX


def test_addresses_are_told_from_names():
    assert [is_address(t) for t in ("192.0.2.1", "2001:db8::1", "192.0.2", "mx1", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
