"""Order and needs of the playbooks are read from the playbooks themselves."""

import re

import yaml

from auditor.data import directory
from auditor.remedy.plan import EVERY_TAG
from auditor.remedy.shelf import Shelf


def write(folder, name, text):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_the_order_is_that_of_site_yml(tmp_path):
    write(tmp_path, "site.yml", "- import_playbook: b.yml\n- ansible.builtin.import_playbook: a.yml\n")

    assert Shelf(tmp_path).order() == ("b", "a")


def test_required_variables_come_from_the_argument_specs_of_the_roles(tmp_path):
    write(tmp_path, "dns.yml", "- hosts: mail_hosts\n  roles:\n    - role: records\n")
    write(
        tmp_path,
        "roles/records/meta/argument_specs.yml",
        "argument_specs:\n  main:\n    options:\n"
        "      mail_domains: {type: list, required: true}\n      records_ttl: {type: int}\n",
    )

    assert Shelf(tmp_path).required("dns") == ("mail_domains",)


def test_a_role_that_is_imported_by_a_task_counts_too(tmp_path):
    write(
        tmp_path,
        "x.yml",
        "- hosts: all\n  tasks:\n    - ansible.builtin.import_role:\n        name: r\n",
    )
    write(
        tmp_path,
        "roles/r/meta/argument_specs.yml",
        "argument_specs: {main: {options: {key: {required: true}}}}\n",
    )

    assert Shelf(tmp_path).required("x") == ("key",)


def test_a_playbook_without_specs_needs_nothing(tmp_path):
    write(tmp_path, "x.yml", "- hosts: all\n  roles: [plain]\n")

    assert Shelf(tmp_path).required("x") == ()


def test_a_tag_needs_what_the_role_says_of_it(tmp_path):
    write(tmp_path, "logging.yml", "- hosts: mail_hosts\n  roles: [logging]\n")
    write(tmp_path, "roles/logging/meta/needs.yml", "log-shipped-off-host: [mail_log_host]\n")

    assert Shelf(tmp_path).needs("logging") == {EVERY_TAG: (), "log-shipped-off-host": ("mail_log_host",)}


def test_every_part_that_refuses_to_start_without_a_variable_says_so_beforehand():
    shelf = Shelf(directory("playbooks"))
    refusing = {
        (task.parents[1].name, name)
        for task in shelf.folder.glob("roles/*/tasks/*.yml")
        for name in re.findall(r"msg: Set (mail_\w+(?: or mail_\w+)*) in the inventory", task.read_text())
    }
    said = {
        (needs.parents[1].name, name)
        for needs in shelf.folder.glob("roles/*/meta/needs.yml")
        for names in yaml.safe_load(needs.read_text()).values()
        for name in names
    }
    assert refusing == said
    assert ("logging", "mail_log_host") in said
