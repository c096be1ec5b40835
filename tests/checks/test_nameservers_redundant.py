from auditor.checks import nameservers_redundant
from auditor.model import Domain, Failed, Inconclusive, Passed, Reason
from auditor.probes.zone import name_servers
from tests.dns_evidence import DOMAIN, failing, zone


async def verdict(**table):
    return nameservers_redundant.judge(await name_servers(DOMAIN, zone(table)))


TWO = {"example.org NS": ("ns1.example.", "ns2.example."), "ns1.example A": "192.0.2.1"}


async def test_two_servers_pass():
    assert isinstance(await verdict(**TWO, **{"ns2.example A": "192.0.2.2"}), Passed)


async def test_one_server_fails():
    assert isinstance(
        await verdict(**{"example.org NS": "ns1.example.", "ns1.example A": "192.0.2.1"}), Failed
    )


async def test_one_server_with_both_families_is_still_one():
    both = {"ns1.example A": "192.0.2.1", "ns1.example AAAA": "2001:db8::1"}
    assert isinstance(await verdict(**{"example.org NS": "ns1.example."}, **both), Failed)


async def test_two_names_of_one_address_are_one_server():
    assert isinstance(await verdict(**TWO, **{"ns2.example A": "192.0.2.1"}), Failed)


async def test_a_server_without_address_fails():
    assert isinstance(await verdict(**TWO), Failed)


async def test_a_server_that_gave_no_answer_is_unknown():
    assert isinstance(await verdict(**TWO, **{"ns2.example A": failing(Reason.TIMEOUT)}), Inconclusive)


async def test_a_domain_inside_a_zone_is_served_by_that_zone():
    seen = await name_servers(Domain(name="mail.example.org"), zone({**TWO, "ns2.example A": "192.0.2.2"}))
    assert seen.zone == "example.org"


async def test_no_server_anywhere_proves_nothing():
    assert isinstance(await verdict(), Inconclusive)
