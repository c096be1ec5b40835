from dataclasses import replace

from auditor.checks import mta_sts_covers_mx
from auditor.evidence.mta_sts import MtaSts, StsPolicy
from auditor.evidence.smtp import SmtpSessions
from auditor.model import Failed, Inconclusive, NotApplicable, Passed, PerHost, Severity
from tests.certificates import session
from tests.dane_evidence import CERTIFICATE, UNSEEN, port_25
from tests.dns_evidence import mx


def published(mode="enforce", *patterns):
    lines = [
        "version: STSv1",
        f"mode: {mode}",
        *(f"mx: {p}" for p in patterns or ("mx.example.org",)),
        "max_age: 604800",
    ]
    policy = StsPolicy(host="mta-sts.example.org", status=200, media_type="text/plain", text="\n".join(lines))
    return MtaSts(records=("v=STSv1; id=1",), policy=policy)


def seen(presented):
    return PerHost((("mx.example.org", presented),))


async def verdict(sts, presented=None, *hosts):
    exchangers = await mx(*(hosts or ("10 mx.example.org",)))
    return mta_sts_covers_mx.judge(sts, exchangers, seen(presented or port_25(CERTIFICATE)))


async def test_a_host_with_pattern_and_certificate_passes():
    assert isinstance(await verdict(published()), Passed)


async def test_a_star_is_one_label():
    assert isinstance(await verdict(published("enforce", "*.example.org")), Passed)
    for pattern in ("*.org", "*.mx.example.org", "x.example.org", "*example.org", "*"):
        assert isinstance(await verdict(published("enforce", pattern)), Failed), pattern


async def test_a_host_that_no_pattern_names_is_critical_under_enforce_only():
    found = await verdict(published("enforce", "other.example.org"))
    assert isinstance(found, Failed)
    assert found.severity is Severity.CRITICAL
    assert (await verdict(published("testing", "other.example.org"))).severity is None


async def test_a_certificate_that_is_not_trusted_fails():
    door = port_25(CERTIFICATE).doors[0]
    distrusted = replace(door.session, tls=session(CERTIFICATE, trusted=False))
    assert isinstance(
        await verdict(published(), SmtpSessions(doors=(replace(door, session=distrusted),))), Failed
    )


async def test_no_starttls_fails():
    assert isinstance(await verdict(published(), port_25(CERTIFICATE, starttls=False)), Failed)


async def test_a_host_that_was_not_seen_is_unknown():
    assert isinstance(await verdict(published(), UNSEEN), Inconclusive)
    both = ("10 mx.example.org", "20 b.example.org")
    assert isinstance(await verdict(published("enforce", "*.example.org"), None, *both), Inconclusive)


async def test_without_a_policy_in_force_the_question_does_not_arise():
    assert isinstance(await verdict(MtaSts()), NotApplicable)
    assert isinstance(await verdict(published("none")), NotApplicable)


async def test_a_policy_that_could_not_be_fetched_is_unknown():
    lost = MtaSts(records=("v=STSv1; id=1",), policy=StsPolicy(host="mta-sts.example.org", unknown=UNSEEN))
    assert isinstance(await verdict(lost), Inconclusive)
