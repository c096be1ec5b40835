"""Each rule: the example keeps it, and one edit that breaks it is told."""

from pathlib import Path

import pytest

from auditor.registry import check_ids
from auditor.runbook.lint import Surroundings, lint
from auditor.runbook.parse import parse
from auditor.runbook.shell import quoted_placeholders, unsafe

EXAMPLE = Path(__file__).with_name("example.md").read_text("utf-8")
AROUND = Surroundings(
    runbooks=frozenset({"example", "host-compromise"}), playbooks=frozenset({"isolate"}), checks=check_ids()
)


def complaints(text, around=AROUND):
    return [problem.text for problem in lint(parse(text, Path("example.md")), around)]


def test_the_example_keeps_every_rule():
    assert complaints(EXAMPLE) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("runbook: example", "runbook: other", "must be the file's name"),
        ("[relay-closed]", "[smtp.open-relay]", "no check is called smtp.open-relay"),
        ("roles: [ic, ops]", "roles: [boss]", "unknown role boss"),
        ("debian12/exim4]", "debian11/exim4]", "debian11/exim4 is not one of"),
        ("{type: duration, default: 15m}", "{type: duration, default: soon}", "is not a duration"),
        ("{type: duration, default: 15m}", "{type: colour}", "unknown type colour"),
        ("{type: duration, default: 15m}", "{type: choice}", "needs choices"),
        ("  revert:", "  mta:", "hides a fact"),
        (', help: "Which port was it?"}', "}", "port has no help"),
        ("id: cable", "id: hold-all", "the id hold-all is used twice"),
        ("id: cable", "id: Cable", "lower case words"),
        ("needs: [copy-queue]", "needs: [copy-que]", "needs names copy-que, which is no step"),
        ("set: mail-standard", "set: mail-standard\nneeds: [purge]", "needs names purge, which comes later"),
        ("set: mail-standard", "set: mail-standard\ngate: [purge]", "gate names purge, which comes later"),
        ("{goto: purge}", "{goto: cable}", "goto names cable, which came before"),
        ("{goto: purge}", "{goto: nowhere}", "goto names nowhere, which is no step"),
        ("{goto: purge}", "{runbook: nowhere}", "there is no runbook nowhere"),
        ("{goto: purge}", "{goto: purge, next: true}", "exactly one of goto, runbook and next"),
        ('  "no": {next: true}\n', "", "at least two options"),
        ('option: "yes"}', "option: maybe}", "default_after names maybe"),
        ("set: mail-standard", "set: everything", "unknown evidence set everything"),
        ("set: mail-standard", "set: logs\nplay: isolate", "a evidence step has no play"),
        ("set: mail-standard", "two_copies: true", "needs set"),
        (
            "set: mail-standard\n",
            "play: isolate\nurgent: true\nverify:\n  - person: done\n",
            "an urgent step is verified by a probe",
        ),
        ("role: ic\nquestion", "role: king\nquestion", "unknown role king"),
        ("- probe: host.unreachable", "- probe: host.gone", "unknown probe host.gone"),
        ("verify:\n  - probe: host.unreachable\n", "", "how does one know"),
        ("- probe: host.unreachable", "- probe: port.open\n    person: x", "exactly one of probe"),
        ("- probe: host.unreachable", "- finding: relay-shut", "no check is called relay-shut"),
        ("- probe: host.unreachable", "- person: gone\n    args: {a: 1}", "only a probe takes args"),
        ("- [ ] Unplug every cable.\n- [ ] Write down the time.\n", "", "lists its actions"),
        ("```sh {undo=hold-all, mta=exim4}\ntrue\n```", "", "no block undo=hold-all for debian12/exim4"),
        (
            "```sh {step=hold-all, mta=exim4}\necho held=1\n```",
            "",
            "no block step=hold-all for debian12/exim4",
        ),
        ("{undo=hold-all, mta=exim4}", "{undo=hold-all, mta=postfix}", "a second block undo=hold-all"),
        ("{undo=hold-all, mta=exim4}", "{undo=nothing, mta=exim4}", "no step is called so"),
        ("danger: reversible\ntemporary: 4h", "temporary: 4h", "temporary measures are danger: reversible"),
        ("approve: {role: ic}\n", "", "nobody approves it"),
        ("needs: [copy-queue]\n", "", "names no evidence step"),
        ("preview: queue-id\n", "", "no preview of what it will act on"),
        ("```sh {preview=purge}\necho 3F2A1B4C5D\n```", "", "no block preview=purge for debian12/exim4"),
        (
            "when: hold-all.failed",
            "when: purge.failed",
            "not the ok, failed, unknown or skipped of an earlier step",
        ),
        (
            "when: hold-all.failed",
            "when: hold-all.fine",
            "not the ok, failed, unknown or skipped of an earlier step",
        ),
        ("when: hold-all.failed", "when: weather", "weather is not known at this step"),
        ("when: hold-all.failed", "when: hold-all.failed and and", "a name expected"),
        ("echo held=1", "postqueue -f", "postqueue -f sends everything"),
        ("echo held=1", "echo {{ nothing }}", "{{ nothing }} is not known"),
        ("echo held=1", "if true; then", "cannot read this"),
        ("echo held=1", 'echo "x {{ revert }}"', "stands inside quotes"),
        ("witness: true", "on_fail: later", "on_fail is stop or goto:STEP"),
        ("witness: true", "on_fail: goto:hold-all", "goto names hold-all, which came before"),
        ("temporary: 4h", "temporary: soon", "is not a duration"),
        ("kind: manual", "kind: approve", "a approve step needs approve"),
    ],
)
def test_a_broken_rule_is_told(old, new, words):
    assert old in EXAMPLE
    assert words in "\n".join(complaints(EXAMPLE.replace(old, new, 1)))


def test_a_platform_that_when_excludes_needs_no_block():
    text = EXAMPLE.replace("```sh {step=hold-all, mta=exim4}\necho held=1\n```", "")
    text = text.replace("```sh {undo=hold-all, mta=exim4}\ntrue\n```", "")
    assert complaints(text.replace("id: hold-all\n", "id: hold-all\nwhen: mta == 'postfix'\n", 1)) == []


def test_complaints_about_a_block_name_the_line_in_the_file():
    text = EXAMPLE.replace("echo held=1", "echo held=1\npkill smtpd")
    line = text.split("\n").index("pkill smtpd") + 1
    assert [problem.line for problem in lint(parse(text, Path("example.md")), AROUND)] == [line]


@pytest.mark.parametrize(
    "command",
    [
        "postqueue -f", "exim4 -qff", "exim4 -v -qf", "nft flush ruleset", "nft -f - <<X\nflush ruleset\nX",
        "rm -rf /x", "rm -fr /x", "rm -r -f /x", "pkill smtpd", "killall exim4", "postsuper -d ALL", "postsuper -e X",
        "exim4 -Mg X", "smtpctl pause smtp", "ss -K dst 203.0.113.7", "ss -K '( sport = :25 )'", "eval x",
        "sh -c x", "curl x", "postfix check && postfix reload", "reboot",
    ],
)  # fmt: skip
def test_forbidden_commands_are_found(command):
    assert list(unsafe(command))


@pytest.mark.parametrize(
    "command",
    [
        "postqueue -i 3F2A", "postsuper -d -", "exim4 -q", "exim4 -Mt X", "rm -f /x", "# never postqueue -f here",
        "ss -K state established dst 203.0.113.7 '( sport = :587 )'", "if a && b; then c; fi", "a && b || exit 1",
        "smtpctl pause mta", "sendmail-mta -q -v",
    ],
)  # fmt: skip
def test_their_harmless_relatives_are_not(command):
    assert list(unsafe(command)) == []


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("echo {{ x }}", False),
        ('echo "{{ x }}"', True),
        ("echo '{{ x }}'", True),
        ('echo "$(cat {{ x }})"', False),
        ('echo "$(cat "{{ x }}")"', True),
        ('echo "it\'s" {{ x }}', False),
        ("echo 'a \" b' {{ x }}", False),
        ('echo \\" {{ x }}', False),
        ("(cd / ; echo {{ x }})", False),
    ],
)
def test_a_placeholder_inside_quotes_is_seen(text, inside):
    assert [name for _line, name in quoted_placeholders(text)] == (["x"] if inside else [])
