from hypothesis import given
from hypothesis import strategies as st

from auditor.checks import contacts_independent
from auditor.evidence.contacts import soa_mailbox
from auditor.evidence.dmarc import DmarcPolicy
from auditor.model import Declared, Domain, Failed, Inconclusive, Passed, Reason, Severity
from auditor.probes.contacts import contacts
from tests.dns_evidence import UNSEEN, failing, mx, policy, zone

NO_REPORTS = DmarcPolicy(domain="example.org")


async def verdict(*declared, dmarc=NO_REPORTS, **table):
    domain = Domain(name="example.org", declared=Declared(contacts=declared))
    exchangers = await mx("10 mx.example.org")
    return contacts_independent.judge(
        await contacts(domain, exchangers, dmarc, zone({"example.org MX": "10 mx.example.org", **table}))
    )


async def test_a_telephone_number_is_independent():
    assert isinstance(await verdict(("owner", "Ada, +46 8 123 45 67, ada@example.org")), Passed)


async def test_a_mailbox_elsewhere_is_independent():
    assert isinstance(
        await verdict(("owner", "ada@other.example"), **{"other.example MX": "10 mx.other.example"}), Passed
    )


async def test_only_mailboxes_of_the_platform_fail():
    found = await verdict(
        ("owner", "ada@example.org"),
        ("oncall", "oncall@sister.example"),
        **{"sister.example MX": "5 MX.example.org."},
    )
    assert isinstance(found, Failed)
    assert len(found.observed) == 2


async def test_a_mailbox_whose_host_could_not_be_asked_is_unknown():
    assert isinstance(
        await verdict(("owner", "ada@slow.example"), **{"slow.example MX": failing()}), Inconclusive
    )


async def test_without_an_inventory_the_contacts_in_the_dns_count_mildly():
    soa = {"example.org SOA": "ns1.example.org. host\\.master.example.org. 1 2 3 4 5"}
    found = await verdict(**soa)
    assert isinstance(found, Failed)
    assert found.severity is Severity.LOW
    assert found.observed == ({"contact": "SOA of example.org", "address": "host.master@example.org"},)
    foreign = await policy(
        "v=DMARC1; p=none; rua=mailto:a@reports.example", **{"reports.example MX": "10 mx.reports.example"}
    )
    assert isinstance(
        await verdict(dmarc=foreign, **soa, **{"reports.example MX": "10 mx.reports.example"}), Passed
    )


async def test_no_contact_at_all_is_unknown():
    found = await verdict()
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.NOT_DECLARED


@given(st.text())
def test_any_text_can_be_read_as_an_soa_record(text):
    assert soa_mailbox(text).count("@") <= 1 + text.count("@")


async def test_the_providers_telephone_number_is_not_ours():
    assert isinstance(await verdict(("isp", "+46 8 000 00 03"), ("owner", "ada@example.org")), Failed)


async def test_a_published_contact_that_gave_no_answer_leaves_it_unknown():
    assert isinstance(await verdict(**{"example.org SOA": failing()}), Inconclusive)
    soa = {"example.org SOA": "ns1.example.org. host.example.org. 1 2 3 4 5"}
    assert isinstance(await verdict(dmarc=UNSEEN, **soa), Inconclusive)


async def test_without_the_mx_records_no_mailbox_is_called_independent():
    domain = Domain(name="example.org", declared=Declared(contacts=(("owner", "ada@other.example"),)))
    network = zone({"other.example MX": "10 mx.other.example"})
    assert isinstance(
        contacts_independent.judge(await contacts(domain, UNSEEN, NO_REPORTS, network)), Inconclusive
    )
