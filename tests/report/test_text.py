import io
import re
import subprocess

import pytest
from rich.console import Console

from auditor.model import Check, Domain, Family, Host, Playbook, Severity, SshTarget, Status
from auditor.report.text import TextReport
from auditor.report.wording import Lines, visible, why
from tests.report.scans import EVIL, FULL, finding, scan

CHECKS = {
    "relay-closed": Check(
        id="relay-closed",
        title="Mail for strangers is refused",
        page="Spam leaves under your name, e.g. within minutes. Blocklists follow.\n\nMore.",
        family=Family.RELAY,
        severity=Severity.CRITICAL,
        judge=lambda: None,
        needs=(),
        remedy=Playbook("close-relay"),
        runbook="open-relay",
        references=(),
    )
}


def show(shown=FULL, *, width=80, terminal=False, inventory=None, verbose=False, **console):
    out = io.StringIO()
    report = TextReport(scan=shown, checks=CHECKS, lines=Lines(inventory=inventory), verbose=verbose)
    Console(file=out, width=width, force_terminal=terminal, highlight=False, **console).print(
        report, crop=False
    )
    return out.getvalue()


def test_a_finding_says_what_was_seen_why_it_matters_how_it_is_closed_and_what_to_follow():
    lines = [line.strip() for line in show(inventory="hosts.yml").splitlines()]
    assert "RCPT for a foreign address was accepted on port 25 over IPv4" in lines
    assert "Why     Spam leaves under your name, e.g. within minutes." in lines
    assert (
        "Fix     ansible-playbook -i hosts.yml playbooks/close-relay.yml -l mx1.example.org --tags relay-closed"
        in lines
    )
    assert "Guide   auditor incident open --runbook open-relay --host mx1.example.org -i hosts.yml" in lines


def test_the_worst_comes_first():
    found = re.findall(r"^ (CRITICAL|HIGH|MEDIUM|LOW|INFO) ", show(), re.MULTILINE)
    assert found == ["CRITICAL", "HIGH", "INFO"]


def test_an_open_relay_is_contained_before_anything_else_that_is_critical():
    silent = finding("mail-log-written", family=Family.LOGGING, runbook="silent-failure")
    text = show(scan(silent, finding("relay-closed")))
    assert text.index("relay-closed") < text.index("mail-log-written")
    assert "--runbook open-relay" in text[text.index("NEXT") :]


def test_what_cannot_be_automated_comes_in_words():
    assert "By hand Ask the provider of 198.51.100.10 to set its PTR record" in show()


def test_unknowns_are_grouped_by_their_reason_and_named_neither_fine_nor_failed():
    text = show()
    assert "NOT SEEN  2  neither fine nor failed" in text
    assert text.count("198.51.100.10 port 25: no answer in 30 s") == 1
    assert "starttls-offered, postmaster-accepted" in text


def test_a_question_to_the_operator_names_the_variable_that_answers_it():
    text = " ".join(show(width=200).split())
    assert "ONLY YOU KNOW  1  answer in the inventory".replace("  ", " ") in text
    assert "mail_contacts contact-sheet-complete: no contacts are named" in text


def test_accepted_risks_crashes_and_remarks_have_their_own_place():
    text = " ".join(show().split())
    assert (
        "medium dmarc-policy-enforced on example.org: reports are being read first (until 2026-12-31)" in text
    )
    assert "queue-healthy on mx1.example.org: KeyError: 'x'" in text
    assert "Note: accepted risk relay-closed on mx1.example.org ended on 2026-10-01" in text


def test_the_last_line_counts_everything():
    last = show(width=200).splitlines()[-1]
    assert last == (
        "3 failed (1 critical, 1 high, 1 info), 1 crashed, 2 not seen, 1 passed, 1 not applicable, 1 accepted, 1 only you know"
    )


def test_passes_are_counts_unless_asked_for():
    assert "mx-hosts-resolve" not in show()
    assert "mx-hosts-resolve mx1.example.org  all do" in show(verbose=True)


def test_offenders_beyond_a_few_are_counted_unless_asked_for():
    assert "and 3 more (--verbose)" in show()
    assert "vector=R05" not in show()
    assert "vector=R05" in show(verbose=True)


@pytest.mark.parametrize("width", [40, 80, 140])
@pytest.mark.parametrize("colour", [None, "truecolor"])
def test_nothing_of_a_target_moves_the_cursor_or_is_taken_for_markup(width, colour):
    text = show(width=width, terminal=True, color_system=colour)
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert without_colours.replace("\n", "").isprintable()
    assert "[bold]" in without_colours.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("width", [80, 140])
def test_lines_fit_the_terminal_but_for_words_that_must_stay_whole(width):
    for line in show(width=width, terminal=True, color_system=None).splitlines():
        assert len(line) <= width or " " not in line.strip() or "auditor" in line or "ansible" in line


def test_a_command_is_continued_with_backslashes_on_a_terminal_and_runs_as_it_was():
    text = show(width=80, terminal=True, color_system=None, inventory="a file.yml")
    start = text.index("ansible-playbook")
    command = text[start : text.index("Guide", start)]
    assert max(map(len, command.splitlines())) <= 80
    script = command.replace("ansible-playbook", "printf '%s\\n'", 1)
    assert subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.split(b"\n") == [
        b"-i", b"a file.yml", b"playbooks/close-relay.yml", b"-l", b"mx1.example.org", b"--tags", b"relay-closed", b"",
    ]  # fmt: skip


def test_a_domain_is_repaired_on_its_hosts():
    domain = finding(
        "dmarc-valid", subject="example.org", subject_kind="domain", remedy=Playbook("authentication-records")
    )
    assert "playbooks/authentication-records.yml -l mx1.example.org --tags dmarc-valid" in show(scan(domain))


def test_without_an_inventory_the_next_step_is_to_write_one():
    assert "cp inventory.example.yml inventory.yml" in show()
    assert "cp inventory.example.yml" not in show(inventory="hosts.yml")


def test_a_host_with_nothing_wrong_gets_one_line_and_no_errands():
    text = show(scan(finding("relay-closed", Status.PASSED)))
    assert text.splitlines()[-1] == "0 failed, 1 passed"
    assert "NEXT" not in text


def test_escapes_are_unambiguous_and_ordinary_text_is_untouched():
    assert visible(EVIL) == r"\x1b]0;owned\x07\x1b[2J[bold]<script>alert(1)</script>|`|\u202e\n\r\x00"
    assert visible("Grüße, 世界") == "Grüße, 世界"
    assert visible("\ud800\U000e0001") == r"\ud800\U000e0001"


@pytest.mark.parametrize(
    ("page", "first"),
    [
        ("One. Two.", "One."),
        ("It costs\nsleep. And\nmoney.", "It costs sleep."),
        ("See RFC 5321 section 7.9 for it. Then.", "See RFC 5321 section 7.9 for it."),
        ("p=none watches. t=y weakens.", "p=none watches."),
        ("As said, e.g. here, i.e. there. Then.", "As said, e.g. here, i.e. there."),
        ("Does it? Yes.", "Does it?"),
        ("No end", "No end"),
        ("", ""),
    ],
)
def test_why_is_the_first_sentence_of_the_page(page, first):
    changed = {name: getattr(CHECKS["relay-closed"], name) for name in Check.__dataclass_fields__}
    assert why(Check(**{**changed, "page": page})) == first


def test_a_playbook_that_is_not_there_is_no_fix():
    found = finding("relay-closed")
    lines = Lines(available=frozenset({"tls"}))
    assert lines.fix(found, ()) == ()
    assert "has no playbook close-relay yet" in lines.by_hand(found)
    assert Lines(available=frozenset({"close-relay"})).fix(found, ())[0].startswith("ansible-playbook")


def test_the_guide_knows_how_the_scan_came_in():
    def guide(lines, host, found):
        return " ".join(lines.guide(found, (host, Domain(name="example.org", hosts=("mx1.example.org",)))))

    host = Host(name="mx1.example.org")
    way = Host(name="mx1.example.org", ssh=SshTarget(host="2001:db8::1", port=2222, user="admin"))
    about_host = finding("relay-closed")
    about_domain = finding("dmarc-valid", subject="example.org", subject_kind="domain")
    start = "auditor incident open --runbook open-relay --host mx1.example.org"
    assert guide(Lines(), host, about_host) == f"{start} --ssh root@mx1.example.org"
    assert guide(Lines(), way, about_host) == f"{start} --ssh 'admin@[2001:db8::1]:2222'"
    assert guide(Lines(inventory="hosts.yml"), way, about_domain) == f"{start} -i hosts.yml"
    nobody = finding("dmarc-valid", subject="example.net", subject_kind="domain")
    assert guide(Lines(), host, nobody) == "auditor runbook show open-relay"
