"""The runbooks that travel with the tool keep every rule, and every word of the vocabulary is implemented."""

from pathlib import Path

import pytest

from auditor.registry import check_ids
from auditor.runbook import deeds, items, library, probes, vocabulary
from auditor.runbook.format import Kind
from auditor.runbook.lint import Surroundings, lint
from auditor.runbook.parse import read
from auditor.runbook.shell import syntax_error

FOLDER = Path(__file__).resolve().parents[2] / "runbooks"
PATHS = library.paths(FOLDER)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_shipped_runbook_keeps_every_rule(path):
    around = Surroundings(runbooks=library.names(FOLDER), checks=check_ids())
    assert [f"{found.line}: {found.text}" for found in lint(read(path), around)] == []


def test_every_probe_of_the_vocabulary_is_implemented_and_no_other():
    assert set(probes.PROBES) == set(vocabulary.PROBES)


def test_every_evidence_set_of_the_vocabulary_is_implemented_and_no_other():
    assert set(items.SETS) == set(vocabulary.EVIDENCE_SETS)


def test_every_kind_of_step_has_a_deed():
    assert set(deeds.DEEDS) == set(Kind)


@pytest.mark.parametrize("name", items.SETS)
def test_evidence_commands_are_shell_and_never_write_to_the_suspect(name):
    for item in items.SETS[name]:
        assert syntax_error(item.text) is None, item.name
        assert not any(
            word in item.text.replace("2>/dev/null", "").replace(">/dev/null", "")
            for word in ("tee ", "mkdir", "> /", ">/")
        ), item.name
