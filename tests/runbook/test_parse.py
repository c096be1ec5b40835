"""Markdown becomes steps, and what cannot be read is told with its line."""

from pathlib import Path

import pytest

from auditor.runbook.format import Danger, Kind, Use
from auditor.runbook.parse import Malformed, parse

EXAMPLE = Path(__file__).with_name("example.md").read_text("utf-8")
FILE = Path("example.md")


def complaint(text):
    with pytest.raises(Malformed) as caught:
        parse(text, FILE)
    return str(caught.value)


def test_phases_steps_and_their_parts_are_read():
    runbook = parse(EXAMPLE, FILE)
    assert [phase.title for phase in runbook.phases] == [
        "Isolate",
        "Preserve",
        "Decide",
        "Eradicate",
        "Restore",
    ]
    hold, cable, *_ = runbook.steps
    assert hold.words.kind is Kind.COMMAND
    assert hold.words.danger is Danger.REVERSIBLE
    assert hold.title == "Hold the queue"
    assert hold.warnings == ("Do not restart nftables from now on.",)
    assert cable.boxes == ("Unplug every cable.", "Write down the time.")
    assert cable.questions()["photo"].required is False
    assert cable.questions()["port"].required is True


def test_the_block_that_names_most_of_the_platform_wins():
    text = EXAMPLE.replace(
        "```sh {verify=hold-all}",
        "```sh {verify=hold-all, mta=postfix, debian=13}\nfalse\n```\n\n```sh {verify=hold-all}",
    )
    hold = parse(text, FILE).steps[0]
    thirteen, twelve = hold.shell(Use.VERIFY, "postfix", 13), hold.shell(Use.VERIFY, "postfix", 12)
    assert thirteen is not None
    assert twelve is not None
    assert (thirteen.text, twelve.text) == ("false\n", "test 1 = 1\n")


def test_a_block_serves_the_mail_programs_it_names_and_no_other():
    hold = parse(EXAMPLE, FILE).steps[0]
    assert hold.shell(Use.DO, "sendmail", 12) is None
    assert hold.shell(Use.DO, None, None) is None


def test_unquoted_yes_is_told_as_the_trap_it_is():
    assert "the key yes is a boolean in YAML 1.1" in complaint(EXAMPLE.replace('"yes": {goto', "yes: {goto"))


def test_a_key_given_twice_is_refused():
    assert "the key role is given twice" in complaint(
        EXAMPLE.replace("role: ic\nquestion", "role: ic\nrole: ops\nquestion")
    )


def test_a_misspelt_key_is_told_with_its_line():
    text = EXAMPLE.replace("witness: true", "witnes: true")
    line = text.split("\n").index("id: cable")
    assert f"example.md:{line}: Object contains unknown field `witnes`" in complaint(text)


def test_yaml_that_is_none_is_told_with_its_line():
    text = EXAMPLE.replace("set: mail-standard", "set: [mail-standard")
    assert "example.md:" in complaint(text)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ("sh {mta=postfix}", "by exactly one of"),
        ("sh {step=a, undo=a}", "by exactly one of"),
        ("sh {step=hold-all, mta=qmail}", "unknown mail program in mta=: qmail"),
        ("sh {step=hold-all, debian=11}", "only 12 and 13"),
        ("sh {step=hold-all, colour=red}", "unknown attribute of a sh block: colour"),
        ("sh {step}", "write key=value"),
    ],
)
def test_attributes_of_a_block_are_read_strictly(info, words):
    assert words in complaint(EXAMPLE + f"\n```{info}\ntrue\n```\n")


def test_a_block_that_is_never_closed_is_refused():
    assert "never closed" in complaint(EXAMPLE.removesuffix("```\n"))


def test_front_matter_must_be_there():
    assert "front matter" in complaint("# Title\n")


def test_all_complaints_come_at_once():
    text = EXAMPLE.replace("witness: true", "witnes: true").replace("set: mail-standard", "sett: x")
    assert complaint(text).count("example.md:") == 2


def test_a_step_outside_a_phase_is_refused():
    assert "stands under no ### heading" in complaint(EXAMPLE.replace("## Isolate\n", ""))


def test_a_huge_file_is_refused_before_it_is_parsed():
    assert "longer than" in complaint("x" * 500_000)
