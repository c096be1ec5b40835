import pytest

from auditor.checks.contact_sheet_complete import CHECK, judge
from auditor.model import Declared, Domain, Failed, Inconclusive, Passed, Reason

COMPLETE = {
    "owner": "A. Person, +46 8 000 00 00, person@example.org",
    "oncall": '{"mail": "oncall@example.org", "phone": "+46 8 000 00 01"}',
    "abuse": "Abuse desk +46 8 000 00 02",
    "isp": "noc@provider.example, +46 8 000 00 03",
}


def verdict(**contacts):
    return judge(Domain(name="example.org", declared=Declared(contacts=tuple(contacts.items()))))


def test_owner_on_call_abuse_and_provider_by_telephone_are_complete():
    assert isinstance(verdict(**COMPLETE), Passed)


def test_a_provider_may_be_called_one():
    rest = {role: text for role, text in COMPLETE.items() if role != "isp"}
    assert isinstance(verdict(**rest, provider="+46 8 000 00 03"), Passed)


@pytest.mark.parametrize("role", COMPLETE)
def test_a_role_that_nobody_has_fails_and_is_named(role):
    found = verdict(**{other: text for other, text in COMPLETE.items() if other != role})
    assert isinstance(found, Failed)
    assert found.observed == ({"role": role, "fault": "is not named"},)


def test_a_mail_address_alone_helps_nobody_when_mail_has_failed():
    found = verdict(**(COMPLETE | {"oncall": "oncall@example.org"}))
    assert isinstance(found, Failed)
    assert found.summary == "oncall has no telephone number"


def test_no_sheet_at_all_is_a_question_to_the_operator():
    found = verdict()
    assert isinstance(found, Inconclusive)
    assert (found.reason, CHECK.asks) == (Reason.NOT_DECLARED, "mail_contacts")
