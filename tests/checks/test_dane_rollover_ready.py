from auditor.checks import dane_rollover_ready
from auditor.model import Failed, Inconclusive, NotApplicable, Passed
from tests.dane_evidence import CERTIFICATE, EXPIRED, HOST, MOMENT, UNSEEN, port_25, records, tlsa


def verdict(published, presented=None):
    return dane_rollover_ready.judge(published, presented or port_25(CERTIFICATE), HOST, MOMENT)


def test_the_next_key_beside_the_one_in_use_passes():
    assert isinstance(verdict(records(tlsa(3), tlsa(3, 1, EXPIRED))), Passed)


def test_a_hash_of_the_certificate_alone_fails():
    assert isinstance(verdict(records(tlsa(3, 0))), Failed)


def test_a_key_alone_cannot_be_judged_from_outside():
    assert isinstance(verdict(records(tlsa(3, 1))), Inconclusive)


def test_a_ttl_of_a_week_fails():
    assert isinstance(verdict(records(tlsa(3), tlsa(3, 1, EXPIRED), ttl=604800)), Failed)


def test_without_records_in_use_there_is_nothing_to_roll():
    assert isinstance(verdict(records()), NotApplicable)
    assert isinstance(verdict(records(tlsa(3)), port_25(UNSEEN)), Inconclusive)
