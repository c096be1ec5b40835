"""Trust that is meant is no finding; trust in the whole world is the finding."""

import pytest

from auditor.evidence.vantage import intended, why_trusted

US = ("203.0.113.10",)
TARGET = ("198.51.100.10",)


def test_a_scan_from_a_declared_network_is_from_a_trusted_place():
    assert why_trusted(US, TARGET, intended(("203.0.113.0/24",), ())) is not None


def test_a_network_that_the_host_trusts_is_believed_where_nothing_is_declared():
    assert why_trusted(US, TARGET, intended((), ("203.0.113.0/24",))) is not None


def test_a_network_that_the_host_trusts_beyond_the_declared_ones_is_to_be_found_and_not_excused():
    assert why_trusted(US, TARGET, intended(("192.0.2.0/28",), ("203.0.113.0/24",))) is None


@pytest.mark.parametrize("world", ["0.0.0.0/0", "*", "200.0.0.0/5", "128.0.0.0/1", "[::]/0", "2000::/3"])
def test_trust_in_the_world_excuses_nothing(world):
    assert why_trusted(US, TARGET, intended((), (world,))) is None


@pytest.mark.parametrize("ours", ["198.51.100.10", "127.0.0.1", "::1"])
def test_the_target_itself_is_never_outside(ours):
    assert why_trusted((ours,), TARGET, ()) is not None
