import pytest

from auditor.checks import tls_rpt_published
from auditor.evidence.dns import Existence
from auditor.evidence.mx import MailExchangers
from auditor.model import Failed, Inconclusive, NotApplicable, Passed
from auditor.net import CannotLook
from auditor.probes.mta_sts import tls_reporting
from tests.dns_evidence import DOMAIN, UNSEEN, failing, mx, zone

TAKES = MailExchangers(existence=Existence.FOUND)


async def verdict(*records, exchangers=TAKES):
    network = zone(
        {"example.org A": "192.0.2.1", **({"_smtp._tls.example.org TXT": records} if records else {})}
    )
    return tls_rpt_published.judge(await tls_reporting(DOMAIN, network), exchangers)


async def test_one_record_passes():
    assert isinstance(await verdict("v=TLSRPTv1; rua=mailto:tls@example.org"), Passed)


async def test_none_and_two_fail():
    assert isinstance(await verdict(), Failed)
    assert isinstance(
        await verdict(*["v=TLSRPTv1; rua=mailto:tls@example.org", "v=TLSRPTv1; rua=https://a.example/"]),
        Failed,
    )


@pytest.mark.parametrize("record", ["v=TLSRPTv1;", "v=TLSRPTv1; rua=tls@example.org"])
async def test_a_record_without_a_usable_address_fails(record):
    assert isinstance(await verdict(record), Failed)


async def test_a_domain_without_mail_needs_none():
    assert isinstance(await verdict(exchangers=await mx("0 .")), NotApplicable)


async def test_a_record_that_gave_no_answer_is_no_missing_record():
    with pytest.raises(CannotLook):
        await tls_reporting(DOMAIN, zone({"_smtp._tls.example.org TXT": failing()}))


async def test_without_the_mx_records_what_is_missing_is_unknown():
    assert isinstance(await verdict(exchangers=UNSEEN), Inconclusive)
