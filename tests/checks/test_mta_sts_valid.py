import pytest

from auditor.checks import mta_sts_valid
from auditor.evidence.dns import Existence
from auditor.evidence.mx import MailExchangers
from auditor.evidence.tls import TlsSession
from auditor.model import Failed, Inconclusive, NotApplicable, Options, Passed, Reason, Severity
from auditor.probes.mta_sts import mta_sts
from tests.dns_evidence import DOMAIN, UNSEEN, mx, zone
from tests.scripted import ScriptedStream

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmax_age: 604800\r\n"
RECORD = {"_mta-sts.example.org TXT": "v=STSv1; id=20261121"}
HOST = {"mta-sts.example.org A": "192.0.2.80"}
TRUSTED = TlsSession(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", bits=128)


TAKES = MailExchangers(existence=Existence.FOUND)


def response(body=POLICY, status=b"200 OK", kind=b"text/plain; charset=utf-8"):
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\nConnection: close\r\n\r\n" + body


async def verdict(*chunks, tls=TRUSTED, exchangers=TAKES, **table):
    network = zone({"example.org A": "192.0.2.1", **table})

    def dial(address, port):
        assert (address, port) == ("192.0.2.80", 443)
        return ScriptedStream(list(chunks), tls=tls)

    network._dial = dial if chunks else None
    return mta_sts_valid.judge(await mta_sts(DOMAIN, network, Options(timeout=2)), exchangers)


async def test_a_record_and_a_policy_pass():
    assert isinstance(await verdict(response(), **RECORD, **HOST), Passed)


async def test_a_policy_in_many_small_pieces_passes():
    whole = response()
    assert isinstance(
        await verdict(*(whole[n : n + 7] for n in range(0, len(whole), 7)), **RECORD, **HOST), Passed
    )


async def test_no_mta_sts_fails_mildly_and_not_at_all_without_mail():
    found = await verdict()
    assert isinstance(found, Failed)
    assert found.severity is Severity.LOW
    assert isinstance(await verdict(exchangers=await mx("0 .")), NotApplicable)


async def test_two_records_fail():
    assert isinstance(
        await verdict(**{"_mta-sts.example.org TXT": ("v=STSv1; id=1", "v=STSv1; id=2")}), Failed
    )


async def test_a_record_without_id_fails():
    assert isinstance(await verdict(response(), **HOST, **{"_mta-sts.example.org TXT": "v=STSv1;"}), Failed)


async def test_a_policy_host_without_address_fails():
    assert "no address" in (await verdict(**RECORD)).summary


async def test_a_policy_host_that_refuses_is_unknown():
    found = await verdict(**RECORD, **HOST)
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.REFUSED


async def test_a_certificate_that_is_not_trusted_fails_and_nothing_is_asked():
    distrusted = TlsSession(version="TLSv1.3", cipher="x", bits=128, verify_error="self-signed certificate")
    assert isinstance(await verdict(b"never read", tls=distrusted, **RECORD, **HOST), Failed)


@pytest.mark.parametrize("status", [b"301 Moved", b"404 Not Found", b"500 Oops"])
async def test_only_200_counts_and_no_redirect_is_followed(status):
    assert isinstance(await verdict(response(status=status), **RECORD, **HOST), Failed)


async def test_another_media_type_fails():
    assert isinstance(await verdict(response(kind=b"text/html"), **RECORD, **HOST), Failed)


async def test_an_endless_policy_is_cut_and_fails():
    chunks = (response(b"mx: a.example\n" * 1000), *([b"mx: a.example\n" * 1000] * 100))
    assert "longer than" in (await verdict(*chunks, **RECORD, **HOST)).summary


async def test_what_is_no_http_is_unknown():
    found = await verdict(b"220 mx.example.org ESMTP\r\n" * 5, **RECORD, **HOST)
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.PROTOCOL


async def test_a_syntax_error_in_the_policy_fails():
    assert isinstance(
        await verdict(response(POLICY.replace(b"enforce", b"enforced")), **RECORD, **HOST), Failed
    )


async def test_what_is_wrong_on_the_web_server_is_for_whoever_keeps_it():
    served = (await verdict(response(status=b"404 Not Found"), **RECORD, **HOST)).by_hand
    assert "/.well-known/mta-sts.txt" in served
    assert (await verdict()).by_hand is None, "the playbook says what to serve, and announces it"


async def test_mode_none_and_a_short_life_fail_mildly():
    for text in (POLICY.replace(b"enforce", b"none"), POLICY.replace(b"604800", b"3600")):
        found = await verdict(response(text), **RECORD, **HOST)
        assert isinstance(found, Failed)
        assert found.severity is Severity.LOW


async def test_testing_is_a_valid_mode():
    assert isinstance(
        await verdict(response(POLICY.replace(b"enforce", b"testing")), **RECORD, **HOST), Passed
    )


async def test_without_the_mx_records_what_is_missing_is_unknown():
    assert isinstance(await verdict(exchangers=UNSEEN), Inconclusive)
