import sys
from types import ModuleType

import pytest

from auditor.model import Check, Family, Options, Passed, Playbook, Severity, Verdict
from tests.catalogue import Greeting


def judge(greeting: Greeting) -> Verdict:
    return Passed(greeting.text)


def described(judge, doc, monkeypatch, name="auditor.checks.relay_closed"):
    module = ModuleType(name, doc)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(judge, "__module__", name)
    return Check.of(
        judge,
        family=Family.RELAY,
        severity=Severity.CRITICAL,
        remedy=Playbook("close-relay"),
        runbook="open-relay",
    )


def test_a_check_reads_its_id_title_page_and_needs_off_its_file(monkeypatch):
    check = described(judge, "Mail for strangers is refused.\n\nWhy it matters.\n", monkeypatch)
    assert (check.id, check.title, check.page) == (
        "relay-closed",
        "Mail for strangers is refused",
        "Why it matters.",
    )
    assert check.needs == (("greeting", Greeting),)


def test_a_check_without_a_docstring_is_refused(monkeypatch):
    with pytest.raises(TypeError, match="has no docstring"):
        described(judge, None, monkeypatch)


def test_severities_are_ranked_worst_first():
    assert sorted(Severity, key=lambda s: s.rank) == list(Severity)
    assert Severity.CRITICAL.rank == 0


def test_a_mapped_port_is_used_and_any_other_is_itself():
    options = Options(ports=((25, 2525),))
    assert (options.port(25), options.port(587)) == (2525, 587)
