from auditor.checks import mx_not_alias
from auditor.model import Failed, Inconclusive, NotApplicable, Passed
from tests.dns_evidence import failing, mx
from tests.scripted import answer


async def test_a_host_with_its_own_address_passes():
    assert isinstance(mx_not_alias.judge(await mx("10 a.example", **{"a.example A": "192.0.2.1"})), Passed)


async def test_an_alias_fails():
    alias = answer("a.example", "A", "192.0.2.1", canonical="b.example")
    found = mx_not_alias.judge(await mx("10 a.example", **{"a.example A": alias}))
    assert isinstance(found, Failed)
    assert found.observed == ({"host": "a.example", "alias of": "b.example"},)


async def test_a_host_that_gave_no_answer_is_unknown():
    assert isinstance(
        mx_not_alias.judge(await mx("10 a.example", **{"a.example A": failing()})), Inconclusive
    )


async def test_a_domain_without_mx_has_no_alias():
    assert isinstance(mx_not_alias.judge(await mx("0 .")), NotApplicable)
