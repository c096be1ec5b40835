from auditor.checks import mx_hosts_resolve
from auditor.model import Failed, Inconclusive, NotApplicable, Passed, Reason, Severity
from tests.dns_evidence import failing, mx


async def verdict(*records, **others):
    return mx_hosts_resolve.judge(await mx(*records, **others))


async def test_hosts_with_addresses_pass():
    assert isinstance(
        await verdict(
            "10 a.example", "20 b.example", **{"a.example A": "192.0.2.1", "b.example AAAA": "2001:db8::1"}
        ),
        Passed,
    )


async def test_a_host_without_address_fails():
    found = await verdict(
        "10 a.example", "20 b.example", **{"a.example A": "192.0.2.1", "b.example TXT": "x"}
    )
    assert isinstance(found, Failed)
    assert found.observed == ({"host": "b.example", "fault": "no address"},)


async def test_a_host_that_does_not_exist_fails():
    assert (await verdict("10 gone.example")).summary == "gone.example: no such name"


async def test_a_loopback_or_private_address_fails():
    for address in ("127.0.0.1", "10.0.0.1", "169.254.0.1"):
        assert isinstance(await verdict("10 a.example", **{"a.example A": address}), Failed)


async def test_an_address_in_place_of_a_name_fails():
    assert isinstance(await verdict("10 192.0.2.1", **{"192.0.2.1 A": "192.0.2.1"}), Failed)


async def test_a_lookup_that_failed_is_unknown_not_missing():
    """Few peers keep the two apart."""
    found = await verdict("10 a.example", **{"a.example A": failing(Reason.SERVFAIL)})
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.SERVFAIL


async def test_a_null_mx_has_no_hosts():
    assert isinstance(await verdict("0 ."), NotApplicable)


async def test_mail_without_mx_fails_mildly_with_an_address_and_fully_without():
    alone = await verdict(**{"example.org A": "192.0.2.1"})
    assert isinstance(alone, Failed)
    assert alone.severity is Severity.LOW
    assert (await verdict()).severity is None


async def test_hundreds_of_mx_are_not_all_asked():
    found = await mx(*(f"{n} mx{n}.example" for n in range(200)))
    assert (len(found.exchangers), found.omitted) == (20, 180)
