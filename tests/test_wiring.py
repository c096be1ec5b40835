"""One name ties four worlds together; this walks the names and fails on any joint that does not meet.

check <-> tests/checks/test_<check>.py <-> tag in its playbook <-> findings of its runbook <-> docs/checks.md
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.cli import auditor
from auditor.model import ByHand, Check, Playbook
from auditor.registry import load
from auditor.report import catalogue
from auditor.saved import _plain, known_as, make, redact

ROOT = Path(__file__).parent.parent
REGISTRY = load()
CHECKS = sorted(REGISTRY.checks.values(), key=lambda check: check.id)
RUNBOOKS = [p for p in sorted((ROOT / "runbooks").glob("*.md")) if re.fullmatch(r"[a-z][a-z-]*\.md", p.name)]
RESERVED_TAGS = {"always", "never", "all", "tagged", "untagged"}


def met(holds: bool, joint: str) -> None:
    """The joint is named where it does not meet."""
    assert holds, joint


every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)


def front_matter(path: Path) -> dict[str, Any]:
    _, front, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front)


def tags_of(node: Any) -> set[str]:
    """Every tag below a node of YAML."""
    if isinstance(node, list):
        return set().union(*map(tags_of, node))
    if not isinstance(node, dict):
        return set()
    own = node.get("tags") or []
    found = set(own.split(",") if isinstance(own, str) else own)
    return found.union(*(tags_of(value) for key, value in node.items() if key != "vars"))


def roles_of(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(roles_of, node))
    if not isinstance(node, dict):
        return set()
    found = {role if isinstance(role, str) else role["role"] for role in node.get("roles") or ()}
    for key, value in node.items():
        if key.rpartition(".")[2] in ("import_role", "include_role"):
            found.add(value["name"])
        else:
            found |= roles_of(value) if key != "vars" else set()
    return found


def load_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def playbook_tags(name: str) -> set[str]:
    """Tags of a playbook and of the roles it runs."""
    plays = load_yaml(ROOT / "playbooks" / f"{name}.yml")
    tags = tags_of(plays)
    for role in roles_of(plays):
        for tasks in sorted((ROOT / "playbooks" / "roles" / role / "tasks").glob("*.yml")):
            tags |= tags_of(load_yaml(tasks))
    return tags


def findings_of(runbook: Path) -> list[str]:
    return front_matter(runbook).get("findings") or []


def modules_with_tests() -> set[str]:
    """Checks that a file in tests/checks imports, or that one is named after."""
    found = set()
    for path in (ROOT / "tests" / "checks").glob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        found.add(path.stem.removeprefix("test_"))
        found.update(re.findall(r"auditor\.checks\.(\w+)", text))
        for names in re.findall(r"from auditor\.checks import (?:\(([^)]*)\)|([^\n(]*))", text):
            found.update(re.findall(r"(\w+)(?: as \w+)?", " ".join(names)))
    return found


TESTED = modules_with_tests()


@every_check
def test_a_check_has_a_test_of_its_own(check: Check):
    module = check.id.replace("-", "_")
    met(module in TESTED, f"tests/checks/test_{module}.py")


@every_check
def test_a_check_has_a_title_in_words_of_the_pass_and_a_page_that_says_why(check: Check):
    assert len(check.title) > 10
    assert not check.title.lower().startswith(("check ", "test ", "verify "))
    assert len(check.page) > 80
    assert check.references, "a check cites the RFC, the measurement or the incident that it comes from"


@every_check
def test_what_fails_can_be_repaired_and_followed(check: Check):
    assert re.fullmatch(r"[a-z][a-z-]*", check.runbook)
    match check.remedy:
        case Playbook(name):
            assert re.fullmatch(r"[a-z][a-z-]*", name)
        case ByHand(steps):
            assert len(steps) > 20, "exact steps, not a sigh"


@every_check
def test_the_playbook_of_a_check_exists_and_has_its_tag(check: Check):
    if isinstance(check.remedy, ByHand):
        return
    name = check.remedy.name
    assert (ROOT / "playbooks" / f"{name}.yml").is_file(), f"playbooks/{name}.yml"
    met(check.id in playbook_tags(name), f"tag {check.id} in playbooks/{name}.yml")


@every_check
def test_the_runbook_of_a_check_exists_and_lists_it(check: Check):
    path = ROOT / "runbooks" / f"{check.runbook}.md"
    assert path.is_file()
    met(check.id in findings_of(path), f"{check.id} in runbooks/{path.name}")


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_no_runbook_names_a_check_that_is_gone_and_none_is_named_twice(path: Path):
    named = findings_of(path)
    others = {check for other in RUNBOOKS if other != path for check in findings_of(other)}
    assert len(named) == len(set(named))
    assert not set(named) & others
    assert not set(named) - REGISTRY.checks.keys()


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_tags_of_playbooks_are_checks_of_that_playbook(path: Path):
    for tag in playbook_tags(path.stem) - RESERVED_TAGS:
        assert tag in REGISTRY.checks, f"the tag {tag} names no check"


def test_every_playbook_runs_in_the_safe_order_or_is_an_incident_action():
    order = {
        play.get("ansible.builtin.import_playbook") for play in load_yaml(ROOT / "playbooks" / "site.yml")
    }
    wanted = {check.remedy.name for check in CHECKS if isinstance(check.remedy, Playbook)}
    assert {f"{name}.yml" for name in wanted} <= order


def test_the_generated_pages_are_current():
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == catalogue.markdown(REGISTRY), (
        "make docs"
    )


def commands() -> list[str]:
    found = []

    def walk(command: click.Command, words: str) -> None:
        context = click.Context(command)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk(inner, f"{words} {name}")
        else:
            found.append(words)

    walk(auditor, "auditor")
    return found


@pytest.mark.parametrize("words", commands())
def test_every_command_is_shown_in_the_documentation(words: str):
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    met(any(words in page.read_text(encoding="utf-8") for page in pages), f"`{words}` in README.md or docs/")


def test_every_link_between_our_pages_leads_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


SAVED = [kind for kind in REGISTRY.sources if not getattr(kind, "transient", False)]
"""What is only a step on the way to other evidence is not."""


@pytest.mark.parametrize("kind", sorted(SAVED, key=known_as), ids=known_as)
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(data=st.data())
def test_every_kind_of_evidence_can_be_saved_and_read_again(kind: type, data: st.DataObject):
    piece = data.draw(st.from_type(kind))
    saved = json.dumps(_plain(piece))
    if redact(saved) == saved:
        assert make(kind, json.loads(saved)) == piece


def test_no_check_reads_what_is_not_saved():
    read = {need.kind for check in CHECKS for need in REGISTRY.needs(check)}
    assert not [kind for kind in read if getattr(kind, "transient", False)]


def test_the_catalogue_says_the_same_to_people_and_to_programs():
    entries = json.loads(catalogue.as_json(REGISTRY))
    assert {entry["check"] for entry in entries} == set(REGISTRY.checks)
    listed = catalogue.text(REGISTRY)
    assert all(f"  {check.id} " in listed for check in CHECKS)


def test_loading_the_catalogue_looks_at_nothing():
    program = (
        "import socket, subprocess, sys\n"
        "def no(*a, **k): raise AssertionError('looked outside')\n"
        "socket.socket.connect = subprocess.Popen.__init__ = no\n"
        "from auditor.registry import load\n"
        "print(len(load().checks))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(done.stdout) == len(CHECKS)
