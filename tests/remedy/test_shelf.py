"""Order and needs of the playbooks are read from the playbooks themselves."""

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
