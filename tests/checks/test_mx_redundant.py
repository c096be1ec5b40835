from auditor.checks import mx_redundant
from auditor.model import Failed, Inconclusive, NotApplicable, Passed
from tests.dns_evidence import failing, mx

A, B = {"a.example A": "192.0.2.1"}, {"b.example A": "192.0.2.2"}


async def test_two_hosts_pass():
    assert isinstance(mx_redundant.judge(await mx("10 a.example", "20 b.example", **A, **B)), Passed)


async def test_one_host_fails():
    assert isinstance(mx_redundant.judge(await mx("10 a.example", **A)), Failed)


async def test_two_names_of_one_address_are_one_host():
    same = {"b.example A": "192.0.2.1"}
    assert isinstance(mx_redundant.judge(await mx("10 a.example", "20 b.example", **A, **same)), Failed)


async def test_a_second_host_that_gave_no_answer_is_unknown():
    unseen = {"b.example A": failing()}
    assert isinstance(
        mx_redundant.judge(await mx("10 a.example", "20 b.example", **A, **unseen)), Inconclusive
    )


async def test_a_domain_without_mx_is_not_asked():
    assert isinstance(mx_redundant.judge(await mx("0 .")), NotApplicable)
