from auditor.checks import reverse_dns_confirmed
from auditor.evidence.dns import HostAddresses
from auditor.model import Failed, Host, Inconclusive, Passed, Reason, Severity
from auditor.probes.reverse import reverse_names
from tests.dns_evidence import failing, zone


async def verdict(v4=("192.0.2.1",), v6=(), **table):
    addresses = HostAddresses(v4=v4, v6=v6)
    return reverse_dns_confirmed.judge(
        await reverse_names(Host(name="mx.example.org"), addresses, zone(table))
    )


PTR = {"1.2.0.192.in-addr.arpa PTR": "mx.example.org."}
NIBBLES = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR"


async def test_a_name_that_leads_back_passes():
    assert isinstance(await verdict(**PTR, **{"mx.example.org A": "192.0.2.1"}), Passed)


async def test_no_ptr_fails():
    assert isinstance(await verdict(), Failed)


async def test_a_name_that_leads_elsewhere_fails():
    assert isinstance(await verdict(**PTR, **{"mx.example.org A": "192.0.2.9"}), Failed)


async def test_ipv6_is_asked_by_nibbles():
    table = {NIBBLES: "mx.example.org.", "mx.example.org AAAA": "2001:0db8:0:0::1"}
    assert isinstance(await verdict((), ("2001:db8::1",), **table), Passed)
    assert isinstance(await verdict((), ("2001:db8::2",), **table), Failed)


async def test_a_name_like_a_pool_fails_mildly():
    name = "192-0-2-1.dsl.provider.example"
    found = await verdict(**{"1.2.0.192.in-addr.arpa PTR": name, f"{name} A": "192.0.2.1"})
    assert isinstance(found, Failed)
    assert found.severity is Severity.LOW


async def test_one_good_name_among_generic_ones_is_enough():
    pool = "192-0-2-1.dsl.provider.example"
    table = {"1.2.0.192.in-addr.arpa PTR": (pool, "mx.example.org"), f"{pool} A": "192.0.2.1"}
    assert isinstance(await verdict(**table, **{"mx.example.org A": "192.0.2.1"}), Passed)


async def test_an_address_that_gave_no_answer_is_unknown():
    found = await verdict(**{"1.2.0.192.in-addr.arpa PTR": failing(Reason.SERVFAIL)})
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.SERVFAIL


async def test_a_host_without_address_is_unknown():
    assert isinstance(await verdict(()), Inconclusive)
