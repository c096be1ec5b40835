import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.checks import dane_matches
from auditor.evidence.dane import Tlsa, read_tlsa
from auditor.model import Failed, Inconclusive, NotApplicable, Passed, Reason
from auditor.net import CannotLook
from auditor.probes.dane import tlsa_records
from tests.certificates import leaf
from tests.dane_evidence import CERTIFICATE, EXPIRED, HOST, MOMENT, UNSEEN, port_25, records, tlsa
from tests.dns_evidence import failing, zone
from tests.scripted import answer


def verdict(published, presented):
    return dane_matches.judge(published, presented, HOST, MOMENT)


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_record_of_the_certificate_passes(selector, kind):
    assert isinstance(verdict(records(tlsa(3, selector, matching=kind)), port_25(CERTIFICATE)), Passed)


def test_dane_ee_ignores_name_and_expiry():
    """A self-signed MX with DANE is right (RFC 7671 section 5.1)."""
    assert isinstance(verdict(records(tlsa(3, 1, EXPIRED)), port_25(EXPIRED)), Passed)


def test_dane_ta_does_not():
    assert isinstance(verdict(records(tlsa(2, 1, EXPIRED)), port_25(EXPIRED)), Failed)


def test_a_new_key_under_an_old_record_fails():
    assert isinstance(verdict(records(tlsa(3)), port_25(leaf("mx.example.org"))), Failed)


def test_an_old_record_beside_the_right_one_does_no_harm():
    assert isinstance(verdict(records(tlsa(3, 1, EXPIRED), tlsa(3)), port_25(CERTIFICATE)), Passed)


def test_one_wrong_address_of_two_fails():
    found = verdict(records(tlsa(3)), port_25(CERTIFICATE, EXPIRED))
    assert isinstance(found, Failed)
    assert "192.0.2.2" in found.summary


def test_no_starttls_where_records_promise_it_fails():
    found = verdict(records(tlsa(3)), port_25(CERTIFICATE, starttls=False))
    assert isinstance(found, Failed)
    assert "playbook tls" in found.by_hand, "publishing keys would not help"


def test_usages_that_smtp_does_not_know_fail():
    assert isinstance(verdict(records(tlsa(1)), port_25(CERTIFICATE)), Failed)


def test_an_address_that_was_not_seen_is_unknown_unless_another_fails():
    assert isinstance(verdict(records(tlsa(3)), port_25(CERTIFICATE, UNSEEN)), Inconclusive)
    assert isinstance(verdict(records(tlsa(3)), port_25(EXPIRED, UNSEEN)), Failed)


def test_records_that_nobody_vouches_for_are_unknown():
    found = verdict(records(tlsa(3), secure=False), port_25(CERTIFICATE))
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.UNSUPPORTED


def test_no_records_no_dane():
    assert isinstance(verdict(records(), port_25(CERTIFICATE)), NotApplicable)


async def test_records_behind_a_cname_are_found():
    """Checkdmarc sees none there."""
    alias = answer(
        "_25._tcp.mx.example.org", "TLSA", "3 1 1 " + "AB" * 32, canonical="tlsa.example", secure=True
    )
    seen = await tlsa_records(
        HOST, zone({"_25._tcp.mx.example.org TLSA": alias, "mx.example.org A": "192.0.2.1"})
    )
    assert seen.name == "tlsa.example"
    assert seen.records == (Tlsa(usage=3, selector=1, matching=1, data="ab" * 32),)


async def test_a_bogus_tlsa_fails_and_a_dead_one_is_unknown():
    table = {"_25._tcp.mx.example.org TLSA": failing(), "mx.example.org A": "192.0.2.1"}
    with pytest.raises(CannotLook):
        await tlsa_records(HOST, zone(table))
    seen = await tlsa_records(HOST, zone({**table, "_25._tcp.mx.example.org TLSA +cd": "3 1 1 00"}))
    found = verdict(seen, port_25(CERTIFICATE))
    assert isinstance(found, Failed)
    assert "signatures of the zone" in found.by_hand


@given(st.text())
def test_any_text_can_be_read_as_tlsa(text):
    assert len(read_tlsa(answer("x", "TLSA", text))) <= 1
