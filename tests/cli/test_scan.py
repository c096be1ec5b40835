import json

import pytest

from auditor.cli._exits import Exit
from auditor.model import Reason
from auditor.net import CannotLook
from tests.cli.conftest import TABLE
from tests.scripted import ScriptedNetwork, ScriptedStream


def test_a_clean_host_is_exit_0(scan):
    ran = scan("example.org")
    assert ran.code == Exit.CLEAN
    assert "2 passed" in ran.out


def test_a_failed_check_of_high_severity_is_exit_1(scan):
    ran = scan("example.org", over=ScriptedNetwork({**TABLE, ("example.org", "TXT"): ()}))
    assert ran.code == Exit.FINDINGS
    assert "there is no policy record" in ran.out


def test_what_could_not_be_seen_is_exit_3_and_never_passes(scan):
    over = ScriptedNetwork({**TABLE, ("example.org", "TXT"): CannotLook(Reason.SERVFAIL, "TXT: SERVFAIL")})
    ran = scan("example.org", "--format", "json", over=over)
    findings = json.loads(ran.out)["targets"][0]["findings"]
    assert ran.code == Exit.INCOMPLETE
    assert {f["check"]: (f["status"], f["reason"]) for f in findings} == {
        "policy-present": ("unknown", "servfail"),
        "greeting-polite": ("unknown", "refused"),
    }
    assert scan("example.org", "--allow-unknown", over=over).code == Exit.CLEAN


def test_without_a_way_in_the_report_says_how_many_checks_were_not_made_and_how_to_make_them(scan):
    ran = scan("example.org")
    assert "host-rested" not in ran.out
    assert "1 check inside the host: not made, for want of a way in" in " ".join(ran.out.split())
    assert "--ssh root@mx1.example.org" in ran.out


def test_a_check_asked_for_by_name_is_not_left_out_but_unknown(scan):
    ran = scan("example.org", "--only", "host-rested")
    assert ran.code == Exit.INCOMPLETE
    assert "no way in was given" in ran.out


def test_two_reports_come_from_one_scan(scan, tmp_path):
    ran = scan(
        "example.org", "--format", "text", "--format", "json", "-o", "-", "-o", f"{tmp_path}/scan.json"
    )
    assert "2 passed" in ran.out
    assert json.loads((tmp_path / "scan.json").read_text())["summary"]["passed"] == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "nothing to scan"),
        (("nowhere.example.net",), "nowhere.example.net: no such name in the DNS"),
        (("admin@example.org",), "is a mail address; give its domain"),
        (("https://example.org/",), "is a URL or a network"),
        (("198.51.100",), "is not a complete IPv4 address"),
        (("exa mple.org",), "is neither a host name, nor a domain, nor an address"),
        (("\u2603\u200b.example.org",), "is no valid internationalised name"),
        (("example.org", "--only", "nonsense"), "'nonsense' is neither a check nor a family"),
        (("example.org", "--only", "spf", "--skip", "spf"), "leave no check to make"),
        (("example.org", "--ssh", "root@mx1:99999"), "'99999' is not a port number"),
        (("example.org", "--ssh", "@mx1"), "there is no user before the @"),
        (("example.org", "--inside-only"), "--inside-only needs a way in"),
        (("example.org", "--inside-only", "--outside-only"), "leave nothing to look at"),
        (("example.org", "--canary", "me"), "--canary 'me' is not a mail address"),
        (("example.org", "-i", "/nonexistent/hosts.yml"), "no such inventory"),
        (("example.org", "-o", "report.odt"), "say which --format"),
        (
            ("example.org", "--format", "text", "--format", "json"),
            "only one report can go to standard output",
        ),
        (("example.org", "-o", "/nonexistent/scan.json"), "no such directory"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(scan, words, sentence):
    ran = scan(*words)
    assert ran.code == Exit.USAGE
    assert sentence in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""


def test_control_characters_of_a_server_never_reach_the_terminal(scan):
    evil = b"220 go away \x1b[2J\x07[red]\xe2\x80\xae\r\n"
    over = ScriptedNetwork(TABLE, dial=lambda *_: ScriptedStream([evil]))
    ran = scan("example.org", over=over)
    assert ran.code == Exit.FINDINGS
    assert "\\x1b[2J\\x07[red]\\u202e" in ran.out.replace("\n        ", "").replace("\n    ", "")
    assert ran.out.replace("\n", "").isprintable()


def test_an_interrupted_scan_leaves_no_file(scan, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    ran = scan("example.org", "-o", f"{tmp_path}/scan.json", over=ScriptedNetwork(TABLE, dial=interrupt))
    assert ran.code == 130
    assert "nothing was written" in ran.err
    assert list(tmp_path.iterdir()) == []
