import pytest
from cryptography.hazmat.primitives.serialization import PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from auditor.checks import dkim_key_strong
from auditor.evidence.dkim import read_key
from auditor.model import Failed, Passed, Severity
from tests.dns_evidence import ed25519, keys, rsa


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


@given(st.text(), st.integers(1, 3))
def test_any_text_can_be_read_as_a_key(text, count):
    key = read_key("s", (text,) * count, "")
    assert key.problem or key.revoked or key.bits
