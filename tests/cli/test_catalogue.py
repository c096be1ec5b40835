"""`auditor checks` and `auditor explain`, through the entry point."""

import json

import pytest

from auditor.cli import main


def ran(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    said = capsys.readouterr()
    return stopped.value.code, said.out, said.err


def test_checks_lists_the_catalogue_for_people_programs_and_the_documentation(capsys):
    code, out, _ = ran(capsys, "checks")
    assert code == 0
    assert "spf-single-valid-record" in out
    assert "One page: auditor explain ID" in out
    _, out, _ = ran(capsys, "checks", "--format", "json")
    assert {"check", "title", "severity", "remedy", "runbook", "page"} <= json.loads(out)[0].keys()
    _, out, _ = ran(capsys, "checks", "--format", "markdown")
    assert out.startswith("# Checks\n")


def test_explain_shows_what_why_how_it_is_tested_the_remedy_and_the_runbook(capsys):
    code, out, _ = ran(capsys, "explain", "spf-policy-restrictive")
    assert code == 0
    for part in (
        "**SPF lets only",
        "+all",
        "Answered from: SpfTree",
        "probes.spf.spf_tree",
        "Repair:",
        "Runbook:",
        "RFC 7208",
    ):
        assert part in out


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("spf-policy-restrictiv", "did you mean spf-policy-restrictive"), ("xyz", "see `auditor checks`")],
)
def test_a_check_that_does_not_exist_is_one_sentence_with_a_hint(capsys, typed, hint):
    code, out, err = ran(capsys, "explain", typed)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert hint in err


def test_ctrl_c_is_no_traceback(capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("auditor.registry.load", interrupt)
    code, _, err = ran(capsys, "checks")
    assert (code, err.strip()) == (130, "auditor: interrupted")


def test_judge_through_the_entry_point_refuses_what_is_no_evidence(capsys, tmp_path):
    (tmp_path / "x.json").write_text("[]")
    code, out, err = ran(capsys, "judge", f"{tmp_path}/x.json")
    assert (code, out) == (2, "")
    assert "not evidence of auditor scan" in err


def test_scan_through_the_entry_point_refuses_an_empty_request(capsys):
    assert ran(capsys, "scan")[0] == 2


@pytest.mark.parametrize("server", ["nonsense", "192.0.2.1:x", "192.0.2.1:99999", "[::1"])
def test_a_nameserver_that_is_none_is_one_sentence(capsys, server):
    code, _, err = ran(capsys, "scan", "example.org", "--nameserver", server)
    assert (code, err.count("\n")) == (2, 1)
    assert "give IP, IP:PORT or [IPv6]:PORT" in err
