"""DKIM keys, from scripted answers through the probe to the verdict."""

import base64
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from auditor.checks import dkim_key_published, dkim_key_strong, dkim_not_testing
from auditor.evidence.dkim import read_key
from auditor.evidence.spf import SpfRecord, SpfTree
from auditor.model import (
    Declared,
    Domain,
    Failed,
    Inconclusive,
    NotApplicable,
    Options,
    Passed,
    Reason,
    Severity,
    Unavailable,
)
from auditor.net import CannotLook
from auditor.probes.dkim import dkim_keys
from tests.scripted import ScriptedNetwork, answer

SENDS = SpfTree(records=(SpfRecord(domain="example.org", records=("v=spf1 mx -all",)),))
PARKED = SpfTree(records=(SpfRecord(domain="example.org", records=("v=spf1 -all",)),))
UNSEEN = Unavailable(Reason.TIMEOUT, "x")


@cache
def rsa(bits=2048, form=PublicFormat.SubjectPublicKeyInfo):
    key = generate_private_key(65537, bits).public_key()
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(key.public_bytes(Encoding.DER, form)).decode()


def ed25519():
    octets = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "v=DKIM1; k=ed25519; p=" + base64.b64encode(octets).decode()


class Wildcard(dict):
    """Every name below _domainkey gives the same record."""

    def get(self, key, default=None):
        return dict.get(self, key) or ((rsa(),) if key[0].endswith("._domainkey.example.org") else default)


async def keys(*selectors, **table):
    named = {
        (f"{name}._domainkey.example.org", "TXT"): (value,) if isinstance(value, str) else value
        for name, value in table.items()
    }
    domain = Domain(name="example.org", declared=Declared(dkim_selectors=selectors))
    return await dkim_keys(
        domain, ScriptedNetwork({("example.org", "MX"): ("10 mx.example.org",), **named}), Options()
    )


async def test_a_declared_selector_with_a_key_passes():
    seen = await keys("june", june=rsa())
    assert isinstance(dkim_key_published.judge(seen, SENDS), Passed)
    assert isinstance(dkim_key_strong.judge(seen), Passed)
    assert isinstance(dkim_not_testing.judge(seen), Passed)


async def test_a_declared_selector_without_a_key_fails_although_another_has_one():
    verdict = dkim_key_published.judge(await keys("june", "july", june=rsa()), SENDS)
    assert isinstance(verdict, Failed)
    assert verdict.observed == ({"selector": "july"},)


async def test_a_common_selector_is_found_without_being_declared():
    assert isinstance(dkim_key_published.judge(await keys(selector1=rsa()), SENDS), Passed)


async def test_nothing_below_domainkey_is_proven_absence_and_costs_one_question():
    network = ScriptedNetwork({("example.org", "MX"): ("10 mx.example.org",)})
    seen = await dkim_keys(Domain(name="example.org"), network, Options())
    assert isinstance(dkim_key_published.judge(seen, SENDS), Failed)
    assert isinstance(dkim_key_strong.judge(seen), NotApplicable)
    assert network.resolver.asked == [("_domainkey.example.org", "TXT")]


async def test_an_unguessable_selector_is_unknown_not_missing():
    """Guessing can never prove absence."""
    for check in (
        lambda seen: dkim_key_published.judge(seen, SENDS),
        dkim_key_strong.judge,
        dkim_not_testing.judge,
    ):
        verdict = check(await keys(unguessable=rsa()))
        assert isinstance(verdict, Inconclusive)
        assert verdict.reason is Reason.NOT_DECLARED


async def test_a_wildcard_below_domainkey_is_no_key():
    """Internet.nl passes on it (#1025)."""
    network = ScriptedNetwork()
    network.resolver.table = Wildcard(
        {("_domainkey.example.org", "TXT"): answer("_domainkey.example.org", "TXT")}
    )
    seen = await dkim_keys(Domain(name="example.org"), network, Options())
    assert seen.wildcard
    assert seen.keys == ()
    assert isinstance(dkim_key_published.judge(seen, SENDS), Inconclusive)


async def test_a_domain_that_sends_nothing_needs_no_key():
    assert isinstance(dkim_key_published.judge(await keys(), PARKED), NotApplicable)


async def test_spf_that_could_not_be_seen_does_not_excuse_the_missing_key():
    assert isinstance(dkim_key_published.judge(await keys(), UNSEEN), Failed)


async def test_a_declared_selector_that_gave_no_answer_is_unknown():
    seen = await keys("june", june=CannotLook(Reason.SERVFAIL, "x"))
    verdict = dkim_key_published.judge(seen, SENDS)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.SERVFAIL
    assert isinstance(dkim_key_strong.judge(seen), Inconclusive)


async def test_a_revoked_key_is_not_usable_and_no_weakness():
    seen = await keys("june", june="v=DKIM1; p=")
    assert isinstance(dkim_key_published.judge(seen, SENDS), Failed)
    assert not isinstance(dkim_key_strong.judge(seen), Failed)


async def test_1024_bits_fail_mildly():
    verdict = dkim_key_strong.judge(await keys("june", june=rsa(1024)))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.MEDIUM


def test_an_rsa_key_without_its_wrapper_is_read_too():
    assert read_key("s", (rsa(2048, PublicFormat.PKCS1),), "").bits == 2048


async def test_ed25519_alone_fails_and_beside_rsa_passes():
    assert isinstance(dkim_key_strong.judge(await keys("e", e=ed25519())), Failed)
    assert isinstance(dkim_key_strong.judge(await keys("e", "r", e=ed25519(), r=rsa())), Passed)


@pytest.mark.parametrize(
    "record",
    [
        "v=DKIM1; k=rsa; p=AAAA",
        "v=DKIM1; k=rsa; p=not base64!",
        "v=DKIM1; k=ed25519; p=AAAA",
        "v=DKIM1; k=dsa; p=AAAA",
        "v=DKIM2; p=",
        "v=DKIM1; k=rsa",
        "v=DKIM1; s=tlsrpt; p=",
    ],
)
async def test_a_key_that_no_verifier_can_use_fails(record):
    assert isinstance(dkim_key_strong.judge(await keys("june", june=record)), Failed)


async def test_two_records_at_one_selector_fail():
    assert isinstance(dkim_key_strong.judge(await keys("june", june=(rsa(), "v=DKIM1; p="))), Failed)


async def test_sha1_alone_fails():
    assert isinstance(
        dkim_key_strong.judge(await keys("june", june=rsa().replace("k=rsa", "h=sha1"))), Failed
    )


async def test_a_key_under_test_fails():
    seen = await keys("june", june=rsa().replace("k=rsa", "t=s:y"))
    assert isinstance(dkim_not_testing.judge(seen), Failed)


async def test_the_strict_flag_is_no_test_flag():
    assert isinstance(dkim_not_testing.judge(await keys("june", june=rsa().replace("k=rsa", "t=s"))), Passed)


@given(st.text(), st.integers(1, 3))
def test_any_text_can_be_read_as_a_key(text, count):
    key = read_key("s", (text,) * count, "")
    assert key.problem or key.revoked or key.bits
