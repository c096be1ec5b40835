"""A need arises from what was found and from what the inventory says, and is met by a value."""

import pytest

from auditor.remedy.needs import Need, read_need

READER = Need("mail_contacts.owner.mail or role_addresses_person", seen={"role": "root"})
NOBODY = ({"role": "abuse", "fault": "no alias"}, {"role": "root", "fault": "no alias"})


def test_a_need_that_something_has_to_be_seen_for_arises_from_no_other_finding():
    assert READER.unmet({}, NOBODY)
    assert not READER.unmet({}, NOBODY[:1])
    assert not READER.unmet({}, ())


@pytest.mark.parametrize(
    ("variables", "unmet"),
    [
        ({}, True),
        ({"mail_contacts": {}}, True),
        ({"mail_contacts": {"owner": {"phone": "+46 8 000"}}}, True),
        ({"mail_contacts": {"owner": {"mail": " "}}}, True),
        ({"mail_contacts": {"owner": {"mail": "anna@example.org"}}}, False),
        ({"mail_contacts": "{{ contacts_of_the_vault }}"}, False),
        ({"mail_contacts": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256"}}, False),
        ({"role_addresses_person": "anna"}, False),
    ],
)
def test_a_need_is_met_by_a_value_or_by_what_only_ansible_can_read(variables, unmet):
    assert READER.unmet(variables, NOBODY) is unmet


@pytest.mark.parametrize(
    ("place", "unmet"),
    [("ssh://keeper@store.example", True), ("s3:https://store.example", False), ("", False)],
)
def test_a_need_may_come_from_another_variable(place, unmet):
    key = read_need({"variable": "mail_backup_host_key", "begins": {"mail_backup_place": "ssh://"}})

    assert key.unmet({"mail_backup_place": place}, ()) is unmet


@pytest.mark.parametrize("empty", ["", [], {}, None])
def test_an_empty_value_is_none(empty):
    assert read_need("mail_log_host").unmet({"mail_log_host": empty}, ())
