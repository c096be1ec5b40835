from auditor.checks import dkim_key_published, dkim_key_strong, dkim_not_testing
from auditor.evidence.dkim import SignerKey, SignerKeys
from auditor.model import Domain, Failed, Inconclusive, NotApplicable, Options, Passed, PerHost, Reason
from auditor.net import CannotLook
from auditor.probes.dkim import dkim_keys
from tests.dns_evidence import PARKED, SENDS, UNSEEN, keys, rsa, zone
from tests.scripted import ScriptedNetwork, answer


class Wildcard(dict):
    """Every name below _domainkey gives the same record."""

    def get(self, key, default=None):
        return dict.get(self, key) or ((rsa(),) if key[0].endswith("._domainkey.example.org") else default)


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
    seen = await dkim_keys(Domain(name="example.org"), network, Options(), PerHost())
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
    seen = await dkim_keys(Domain(name="example.org"), network, Options(), PerHost())
    assert seen.wildcard
    assert seen.keys == ()
    assert isinstance(dkim_key_published.judge(seen, SENDS), Inconclusive)


async def test_a_domain_that_sends_nothing_needs_no_key():
    assert isinstance(dkim_key_published.judge(await keys(), PARKED), NotApplicable)


async def test_whether_a_key_is_missed_is_unknown_without_spf():
    assert isinstance(dkim_key_published.judge(await keys(), UNSEEN), Inconclusive)


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


async def test_the_selectors_of_the_signer_are_asked_and_make_the_answer_certain():
    network = zone({"example.org MX": "10 mx.example.org", "june._domainkey.example.org TXT": rsa()})
    signs = SignerKeys(
        keys=(
            SignerKey(domain="example.org", selector="July", public="x"),
            SignerKey(domain="other.example", selector="other", public="x"),
        )
    )
    signers = PerHost((("mx.example.org", signs), ("mx2.example.org", UNSEEN)))
    seen = await dkim_keys(Domain(name="example.org"), network, Options(), signers)
    assert seen.declared == ("july",)
    assert isinstance(dkim_key_published.judge(seen, SENDS), Failed)
