from auditor.checks import dmarc_report_mailbox_accepts
from auditor.model import Failed, Inconclusive, NotApplicable, Passed, Reason
from tests.dns_evidence import failing, policy

RECORD = "v=DMARC1; p=reject; rua=mailto:a@reports.example"


async def verdict(**table):
    return dmarc_report_mailbox_accepts.judge(await policy(RECORD, **{"example TXT": "x", **table}))


async def test_a_domain_with_mail_hosts_passes():
    assert isinstance(await verdict(**{"reports.example MX": "10 mx.reports.example"}), Passed)


async def test_a_domain_with_only_an_address_takes_mail_too():
    assert isinstance(await verdict(**{"reports.example AAAA": "2001:db8::1"}), Passed)


async def test_a_domain_that_does_not_exist_or_takes_no_mail_fails():
    assert isinstance(await verdict(), Failed)
    assert isinstance(await verdict(**{"reports.example MX": "0 ."}), Failed)
    assert isinstance(await verdict(**{"reports.example TXT": "x"}), Failed)


async def test_a_domain_that_gave_no_answer_is_unknown():
    found = await verdict(**{"reports.example MX": failing(Reason.TIMEOUT)})
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.TIMEOUT


async def test_without_rua_the_question_does_not_arise():
    assert isinstance(dmarc_report_mailbox_accepts.judge(await policy("v=DMARC1; p=none")), NotApplicable)
