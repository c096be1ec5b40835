import io

import pytest

from auditor.cli import _scanning
from auditor.cli.judge import command
from tests.catalogue import registry


@pytest.fixture
def judge(monkeypatch):
    monkeypatch.setattr(_scanning, "load", registry)

    def run(*words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with command.make_context("judge", list(words)) as context:
            code = _scanning.judge_saved(context.params, terminal=_scanning.Terminal(out, err))
        return code, out.getvalue(), err.getvalue()

    return run


def test_judging_saved_evidence_prints_what_the_scan_printed(scan, judge, tmp_path):
    kept = f"{tmp_path}/evidence.json"
    ran = scan("example.org", "--save-evidence", kept)
    assert ran.err == f"auditor: wrote {kept}\n"
    assert judge(kept)[:2] == (ran.code, ran.out)


def test_a_file_that_is_no_evidence_is_one_sentence_and_exit_2(judge, tmp_path):
    (tmp_path / "evidence.json").write_text("{}")
    code, out, err = judge(f"{tmp_path}/evidence.json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "not evidence of auditor scan" in err


def test_a_file_that_is_not_there_is_one_sentence_and_exit_2(judge):
    code, out, err = judge("/nonexistent/evidence.json")
    assert (code, out, err) == (2, "", "auditor: /nonexistent/evidence.json: No such file or directory\n")
