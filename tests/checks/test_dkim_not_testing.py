from auditor.checks import dkim_not_testing
from auditor.model import Failed, Passed
from tests.dns_evidence import keys, rsa


async def test_a_key_under_test_fails():
    seen = await keys("june", june=rsa().replace("k=rsa", "t=s:y"))
    assert isinstance(dkim_not_testing.judge(seen), Failed)


async def test_the_strict_flag_is_no_test_flag():
    assert isinstance(dkim_not_testing.judge(await keys("june", june=rsa().replace("k=rsa", "t=s"))), Passed)
