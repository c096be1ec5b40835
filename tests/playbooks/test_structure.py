"""Every playbook is thin, safe and selectable by check id."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PLAYS = ROOT / "playbooks"
PLAYBOOKS = sorted(path for path in PLAYS.glob("*.yml") if path.name != "site.yml")
ROLES = sorted(path for path in (PLAYS / "roles").iterdir() if path.is_dir())
OWN_MODULES = {path.stem for path in (PLAYS / "library").glob("*.py")} | {
    path.stem for path in (PLAYS / "action_plugins").glob("*.py")
}
CATALOGUE = set(
    re.findall(r"`?\b([a-z0-9]+(?:-[a-z0-9]+)+)\b", (Path(__file__).parent / "check_ids.txt").read_text())
)
INCIDENT = {
    "isolate",
    "hold-outbound",
    "suspend-account",
    "preserve-evidence",
    "reroute",
    "throttle-destination",
    "patch-round",
}

LOOKS = {"preserve-evidence"}
"""Only reads, so it needs no frame; a suspect host has to be left as it was found, and its neighbour is looked at all the same."""


def read(path: Path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def tasks_of(path: Path) -> list[dict]:
    """Every task of a file, those inside blocks too."""
    found = []
    for task in read(path) or []:
        inner = [one for key in ("block", "rescue", "always") for one in task.get(key, [])]
        found += [task, *inner]
    return found


@pytest.mark.parametrize(
    "path", [path for path in PLAYBOOKS if path.stem not in LOOKS], ids=lambda path: path.stem
)
def test_a_playbook_works_on_one_host_at_a_time_and_begins_with_the_safety_frame(path):
    plays = read(path)
    first = plays[0]
    assert first["serial"] == 1
    assert first["any_errors_fatal"] is True
    assert first["max_fail_percentage"] == 0
    assert first["gather_facts"] is False
    assert first["roles"][0] == {"role": "mail_host", "tags": ["always"]}
    assert all(set(play) & {"tasks", "pre_tasks", "post_tasks"} == set() for play in plays), (
        "tasks belong into roles"
    )


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_a_playbook_runs_the_role_of_its_own_name(path):
    roles = [role["role"] for role in read(path)[0]["roles"]]
    assert roles[path.stem not in LOOKS :] == [path.stem.replace("-", "_")]


def test_a_playbook_that_only_looks_sends_no_program_to_the_host():
    """Modules are programs that leave files and compiled code; these plays have actions of the controller alone."""
    for name in LOOKS:
        (play,) = read(PLAYS / f"{name}.yml")
        assert play["gather_facts"] is False
        assert play["serial"] == 1
        here = {"ansible.builtin.debug", "ansible.builtin.fail"} | {
            path.stem for path in (PLAYS / "action_plugins").glob("*.py")
        }
        for task in tasks_of(PLAYS / "roles" / name.replace("-", "_") / "tasks/main.yml"):
            assert set(task) - {"name", "register", "when"} <= here


def test_the_safety_frame_refuses_hosts_that_are_only_to_be_scanned_before_it_touches_them():
    first = read(PLAYS / "roles/mail_host/tasks/main.yml")[0]
    assert "ansible.builtin.fail" in first
    assert "mail_host_check_only_group" in first["when"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_argument_specs_equal_the_defaults(role):
    defaults = read(role / "defaults/main.yml") or {}
    options = read(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {name: option["default"] for name, option in options.items()} == defaults


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_has_its_own_comment(role):
    lines = (role / "defaults/main.yml").read_text(encoding="utf-8").splitlines()
    bare = [line for above, line in pairwise(lines) if re.match(r"\w+:", line) and not above.startswith("# ")]
    assert bare == []


@pytest.mark.parametrize(
    "role", [role for role in ROLES if role.name != "mail_host"], ids=lambda role: role.name
)
def test_tags_of_a_role_are_check_ids_and_nothing_else(role):
    for task in read(role / "tasks/main.yml"):
        tags = task.get("tags", [])
        if role.name.replace("_", "-") in INCIDENT:
            assert tags == [], "an incident action is run whole"
            continue
        assert "ansible.builtin.import_tasks" in task, "only imported tasks inherit the tag"
        assert len(tags) == 1
        assert tags[0] in CATALOGUE
        assert task["ansible.builtin.import_tasks"] == tags[0].replace("-", "_") + ".yml"


def test_no_check_is_repaired_by_two_playbooks():
    owners: dict[str, str] = {}
    for role in ROLES:
        for task in read(role / "tasks/main.yml"):
            for tag in task.get("tags", []):
                assert owners.setdefault(tag, role.name) == role.name


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_tasks_use_only_builtin_and_own_modules(role):
    known = re.compile(r"ansible\.builtin\.\w+")
    keywords = {
        "name", "when", "vars", "tags", "register", "loop", "loop_control", "block", "rescue", "always", "changed_when", "failed_when",
        "check_mode", "delegate_to", "become", "no_log", "notify", "diff", "environment", "until", "retries", "delay", "run_once", "args",
    }  # fmt: skip
    for path in sorted((role / "tasks").glob("*.yml")):
        for task in tasks_of(path):
            actions = set(task) - keywords
            assert all(known.fullmatch(action) or action in OWN_MODULES for action in actions), (
                path.name,
                actions,
            )


def test_every_playbook_passes_the_syntax_check(tmp_path):
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("mail_hosts: {hosts: {mx.example.org: {}}}\n")
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "--syntax-check",
        "-i",
        str(inventory),
    ]
    files = [str(path) for path in sorted(PLAYS.glob("*.yml"))]
    environment = {**os.environ, "ANSIBLE_LOCAL_TEMP": str(tmp_path), "ANSIBLE_HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, *files], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_site_runs_every_standing_playbook_and_no_incident_action():
    imported = [play["ansible.builtin.import_playbook"] for play in read(PLAYS / "site.yml")]
    assert sorted(imported) == [path.name for path in PLAYBOOKS if path.stem not in INCIDENT]


@pytest.mark.parametrize("path", sorted(PLAYS.glob("*/*.py")), ids=lambda path: path.stem)
def test_our_own_code_compiles_for_the_oldest_python_of_the_hosts(path):
    compile(path.read_text(encoding="utf-8"), path.name, "exec", dont_inherit=True)
