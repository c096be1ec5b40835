from auditor.checks import mail_names_not_dangling
from auditor.evidence.dkim import DkimKeys
from auditor.evidence.dns import Existence
from auditor.evidence.mx import MailExchangers
from auditor.model import Failed, Inconclusive, NotApplicable, Passed, Reason
from auditor.probes.zone import mail_names
from tests.dns_evidence import DOMAIN, UNSEEN, failing, keys, mx, spf, zone

NO_MX = MailExchangers(existence=Existence.NODATA)
NO_KEYS = DkimKeys(below=Existence.NXDOMAIN)


async def verdict(tree=None, keyring=None, exchangers=None, **table):
    network = zone(table)
    return mail_names_not_dangling.judge(
        await mail_names(DOMAIN, exchangers or NO_MX, await spf(tree), keyring or NO_KEYS, network)
    )


async def test_names_that_exist_pass():
    found = await verdict(
        "v=spf1 include:spf.provider.example -all", **{"spf.provider.example TXT": "v=spf1 -all"}
    )
    assert isinstance(found, Passed)


async def test_an_include_that_is_gone_fails_and_names_what_can_be_registered():
    found = await verdict(
        "v=spf1 include:spf.gone.example -all", **{"example NS": "ns.example", "example.org A": "192.0.2.1"}
    )
    assert isinstance(found, Failed)
    assert found.observed[0]["does not exist"] == "gone.example"


async def test_an_mx_host_that_is_gone_fails():
    found = await verdict(exchangers=await mx("10 mx.gone.example"), **{"example NS": "ns.example"})
    assert isinstance(found, Failed)


async def test_an_alias_for_clients_that_leads_nowhere_fails():
    found = await verdict(
        **{"mta-sts.example.org CNAME": "old.provider.example.", "provider.example NS": "ns.example"}
    )
    assert isinstance(found, Failed)
    assert found.observed[0]["used as"] == "CNAME of mta-sts.example.org"


async def test_a_dkim_alias_that_leads_nowhere_fails():
    found = await verdict(
        keyring=await keys("june"),
        **{"june._domainkey.example.org CNAME": "k.gone.example.", "example NS": "ns.example"},
    )
    assert isinstance(found, Failed)


async def test_a_name_without_address_is_no_missing_name():
    found = await verdict(
        "v=spf1 include:spf.provider.example -all", **{"x.spf.provider.example TXT": "below"}
    )
    assert isinstance(found, Passed)


async def test_a_name_that_gave_no_answer_is_unknown():
    found = await verdict("v=spf1 include:slow.example -all", **{"slow.example A": failing(Reason.TIMEOUT)})
    assert isinstance(found, Inconclusive)


async def test_macros_name_nothing_before_mail_comes():
    assert isinstance(
        await verdict("v=spf1 include:%{d}.gone.example -all", **{"example.org A": "192.0.2.1"}),
        NotApplicable,
    )


async def test_names_of_a_record_that_gave_no_answer_are_unknown():
    found = await verdict(exchangers=UNSEEN, **{"example.org A": "192.0.2.1"})
    assert isinstance(found, Inconclusive)
