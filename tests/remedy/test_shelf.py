"""Order and needs of the playbooks are read from the playbooks themselves."""

import re

import pytest
import yaml

from auditor.data import directory
from auditor.remedy.needs import EVERY_TAG, Need, read_need
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
    write(
        tmp_path,
        "roles/logging/meta/needs.yml",
        "log-shipped-off-host: [mail_log_host, {variable: mail_key, seen: {tls: true}, begins: {mail_log_host: ssl}}]\n",
    )

    assert Shelf(tmp_path).needs("logging") == {
        EVERY_TAG: (),
        "log-shipped-off-host": (
            Need("mail_log_host"),
            Need("mail_key", seen={"tls": True}, begins={"mail_log_host": "ssl"}),
        ),
    }


ROLES = sorted(
    role for role in (directory("playbooks") / "roles").iterdir() if (role / "tasks/main.yml").is_file()
)


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None


def tasks_of_tags(role):
    """(tag, task) for every task of a role, however deep it is imported or included."""
    for entry in read(role / "tasks/main.yml"):
        todo, known = [entry], set()
        while todo:
            task = todo.pop()
            todo += [inner for key in ("block", "rescue", "always") for inner in task.get(key, ())]
            for word in ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks"):
                said = task.get(word, ())
                name = said["file"] if isinstance(said, dict) else said
                for path in (role / "tasks").glob(re.sub(r"{{.*}}", "*", name)) if name else ():
                    if path not in known:
                        known.add(path)
                        todo += read(path)
            yield (entry.get("tags") or [EVERY_TAG])[0], task


def demanded(role):
    """(tag, option that may be empty) of every refusal of a role: what its condition and its sentence come from."""
    options = read(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    empty = {
        name
        for name, o in options.items()
        if re.fullmatch(r"|.*default\(('|\[|{).*", str(o["default"]).strip("[]{}"))
    }
    derived = {name: str(text) for name, text in (read(role / "vars/main.yml") or {}).items()}
    for tag, task in tasks_of_tags(role):
        if not any(word in task for word in ("ansible.builtin.fail", "ansible.builtin.assert")):
            continue
        todo, known = [str(task)], set()
        while todo:
            new = set(re.findall(rf"\b{role.name}_\w+", todo.pop())) - known
            known |= new
            todo += [str((derived | task.get("vars", {})).get(name, "")) for name in new]
        yield from ((tag, name, str(options[name]["default"])) for name in known & empty)


BY_RUNBOOK = {"reroute", "suspend_account", "throttle_destination"}
"""Actions of an incident: a runbook asks for what they want, no plan has them."""


def test_every_variable_that_a_role_refuses_to_start_without_is_asked_for_by_the_plan():
    missing, asked = [], 0
    for role in ROLES:
        needs = read(role / "meta/needs.yml") or {}
        for tag, option, default in demanded(role) if role.name not in BY_RUNBOOK else ():
            ways = [(n if isinstance(n, str) else n["variable"]).split(" or ") for n in needs.get(tag, ())]
            source = re.findall(r"\bmail_\w+", default)
            asked += 1
            if not any(
                option in way and all(any(w.startswith(s) for w in way) for s in source) for way in ways
            ):
                missing.append((role.name, tag, option))
    assert missing == []
    assert asked > len(BY_RUNBOOK), "this test reads roles that there are no more"


@pytest.mark.parametrize("path", sorted((directory("playbooks") / "roles").glob("*/meta/needs.yml")), ids=str)
def test_what_a_role_says_it_needs_are_its_own_tags_and_variables(path):
    role = path.parents[1]
    tags = {tag for tag, _ in tasks_of_tags(role)}
    options = (role / "defaults/main.yml").read_text(encoding="utf-8")
    for tag, needs in read(path).items():
        assert tag in tags
        for need in map(read_need, needs):
            for name in (*need.variable.split(" or "), *need.begins):
                assert re.search(rf"\b{name.split('.')[0]}\b", options), name
