from auditor.checks import mx_ttl_failover_ready
from auditor.evidence.dns import Existence
from auditor.evidence.mx import MailExchangers
from auditor.model import Failed, NotApplicable, Passed


def seen(ttl):
    return MailExchangers(existence=Existence.FOUND, ttl=ttl)


def test_an_hour_passes_and_a_day_fails():
    assert isinstance(mx_ttl_failover_ready.judge(seen(3600)), Passed)
    assert isinstance(mx_ttl_failover_ready.judge(seen(86400)), Failed)


def test_no_mx_has_no_ttl():
    assert isinstance(mx_ttl_failover_ready.judge(MailExchangers(existence=Existence.NODATA)), NotApplicable)
