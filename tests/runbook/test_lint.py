"""Each rule: the example keeps it, and one edit that breaks it is told."""

from pathlib import Path

import pytest

from auditor.registry import check_ids
from auditor.runbook.library import NoSuchRunbook
from auditor.runbook.lint import Surroundings, lint
from auditor.runbook.lint_translation import lint_translation
from auditor.runbook.parse import parse
from auditor.runbook.shell import acts, dashing, deletions, quoted_placeholders, settings, unsafe

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
        ("approve: {role: ic}\n", "approve: {role: ic, if_refused: {a: 1}}\n", "nobody approves it"),
        (
            "approve: {role: ic}\n",
            "approve: {role: ic, if_refused: {a: 1}}\n",
            "if_refused is for urgent playbooks",
        ),
        (
            "play: isolate\n",
            "play: isolate\ndead_man: {after: soon, unless: fix, what: x}\n",
            "fix: dead_man: ",
        ),
        (
            "play: isolate\n",
            "play: isolate\ndead_man: {after: 1m, unless: fix, what: x}\n",
            "fix is no later step",
        ),
        (
            "role: ic\nquestion",
            "role: ic\ndead_man: {after: 1m, unless: fix, what: x}\nquestion",
            "has no dead_man",
        ),
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
        (
            "tested_on: [debian12/postfix, debian12/exim4]\n",
            "",
            "name the platforms on which the commands were tried",
        ),
        ("roles: [ic, ops]", "roles: [ic, ops]\nframe: nowhere", "frame: there is no runbook nowhere"),
        ("roles: [ic, ops]", "roles: [ic, ops]\ndeadline: soon", "deadline: "),
        ("roles: [ic, ops]", "roles: [ic, ops]\nisolate_within: now", "isolate_within: "),
        ("  revert:", "  Revert:", "the variable Revert must be lower case"),
        ("default: 15m}", "default: 15m, min: few}", "revert: min: "),
        ("{type: optional-file, help", "{type: colour, help", "photo: unknown type colour"),
        ("held: int", "held: number", "held: unknown type number"),
        ("preview: queue-id", "preview: queue", "preview: unknown type queue"),
        ('"no": {next: true}', '"no": {next: true, back: true}', "comes back from a runbook, and names none"),
        ("recheck: [1h, 24h]", "minutes: 1", "a wait step needs for or recheck"),
        ("recheck: [1h, 24h]", "recheck: [later]", "watch: recheck: "),
        ("play: isolate", "play: close-all", "there is no playbook close-all"),
        (
            'undo: {manual: "the playbook names its restore command"}\n',
            "",
            "fix: reversible, but it has no undo",
        ),
        (
            'undo: {manual: "the playbook names its restore command"}',
            "undo: {play: open-all}",
            "no playbook open-all",
        ),
        ("template: COM-6", "template: COM-66", "unknown message COM-66"),
        ("template: COM-6\nwithin: 1h", "template: COM-6\nwithin: soon", "tell: within: "),
        ("of: hold-all", "of: hold", "unhold: of names hold, which is no step"),
        ("of: hold-all", "of: cable", "undoes cable, which is not danger: reversible"),
        ("of: hold-all", "of: fix", "unhold: of names fix, which comes later"),
        ("time: 30m, option", "time: long, option", "compromised: default_after: "),
        (
            "kind: undo\nrole: ops\nof: hold-all",
            "kind: probe\nrole: ops",
            "no later step of kind undo takes it away",
        ),
        ("capture: {held: int, before: line}\n", "", "a capture= block, but capture: declares nothing"),
        (
            "```sh {capture=hold-all, mta=exim4}",
            "```sh {verify=hold-all, mta=exim4}",
            "no block capture=hold-all for",
        ),
        (
            "```sh {preview=purge}",
            "```sh {preview=cable}",
            "only command steps have step=, preview= and capture=",
        ),
        ("```sh {verify=hold-all}\ntest 1 = 1\n```", "", "no block verify=hold-all for debian12/exim4"),
        ("set: mail-standard", "set: logs", "deletes queued mail, of which logs is no copy"),
        ("\necho 3F2A1B4C5D\n", "\nrm -f /tmp/x\n", "purge: a preview= block only looks"),
        ("test 1 = 1", "systemctl restart postfix", "hold-all: a verify= block only looks"),
        ("printf 'held=1\\nbefore=none\\n'", "postconf -e a=b", "hold-all: a capture= block only looks"),
        ("printf 'held=1\\nbefore=none\\n'", "date > /etc/motd", "hold-all: a capture= block only looks"),
        ("echo held=1", "exim4 -Mrm X", "hold-all: this deletes mail"),
        ("danger: reversible\ntemporary: 4h\n", "", "hold-all: this stays on the host: danger is reversible"),
        ("echo held=1", "systemctl restart {{ port }}", "{{ port }} is not known"),
        ("\npostsuper -d -\n", "\npostsuper -d {{ before }}\n", "{{ before }} may begin with a dash"),
        ("echo held=1", "postqueue \\\n  -f", "postqueue -f sends everything"),
    ],
)
def test_a_broken_rule_is_told(old, new, words):
    assert old in EXAMPLE
    assert words in "\n".join(complaints(EXAMPLE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("attributes", "command", "told"),
    [
        ("mta=postfix", "systemctl is-active postfix", True),
        ("mta=postfix", "systemctl --quiet status postfix.service | head", True),
        ("mta=postfix, debian=12", "systemctl is-active postfix", True),
        ("mta=postfix, debian=13", "systemctl is-active postfix.service", False),
        ("mta=postfix", "systemctl is-active postfix@-.service", False),
        ("mta=exim4", "systemctl is-active postfix", False),
    ],
)
def test_the_empty_shell_of_postfix_on_debian_12_is_told(attributes, command, told):
    text = EXAMPLE.replace(
        "```sh {verify=hold-all}\n",
        f"```sh {{verify=hold-all, {attributes}}}\n{command}\n```\n\n```sh {{verify=hold-all}}\n",
    )
    assert any("is an empty shell" in complaint for complaint in complaints(text)) is told


def test_any_step_may_say_whether_it_is_done_on_each_host():
    assert complaints(EXAMPLE.replace("witness: true", "witness: true\neach: incident", 1)) == []


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
        "sh -c x", "curl x", "postfix check && postfix reload", "reboot", "postqueue -c /etc/postfix -f", "rm --recursive /x",
        "systemctl restart nftables", "systemctl reload --quiet nftables.service", "nft -f /etc/nftables.conf", "iptables -F",
        "ufw disable", "systemctl stop ssh", "find /var/spool -name x -delete", "mkfs.ext4 /dev/x", "fsck -y /dev/x",
        "dd if=/dev/zero of=/dev/x", "shred x", "exiqgrep -i | xargs exim4 -Mf", "smtpctl schedule all", "cat x | sh",
        "chain fwd { }", "counter }", "postfix start", "exim4 -bd -q30m", "sendmail-mta -L x -bd", "CHECK_RCPT_LOCAL_ACL_FILE = /x", "nologin=y", "exim4 \\\n -qff",
        "grep -v x list > list.new || echo none", 'grep -vxF -e {{ a }} "$l" > "$l.new" || true',
    ],
)  # fmt: skip
def test_forbidden_commands_are_found(command):
    assert list(unsafe(command))


@pytest.mark.parametrize(
    "command",
    [
        "postqueue -i 3F2A", "postsuper -d -", "exim4 -q", "exim4 -Mt X", "rm -f /x", "# never postqueue -f here",
        "ss -K state established dst 203.0.113.7 '( sport = :587 )'", "if a && b; then c; fi", "a && b || exit 1",
        "smtpctl pause mta", "sendmail-mta -q -v", "exim4 -bp", "CHECK_DATA_LOCAL_ACL_FILE = /x", "postfix status", "exim4 -bdf", "exiqgrep -i -f x", "smtpctl schedule 1a2b", "counter; }", "sha256sum x | shuf",
        "systemctl status nftables", "find / -name x", "dd if=/dev/x bs=1M",
        "grep -v x list > list.new || [ $? = 1 ]", "grep x list || echo none", "grep x list > /dev/null; true",
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


@pytest.mark.parametrize(
    "command",
    [
        "postconf -e a=b", "postconf -X a", "postconf -M 'x/unix=x unix'", "postconf -P x/unix/y=z", "sed -i s/a/b/ /x",
        "echo x >> /etc/motd", 'cat > "$conf" <<X\ny\nX', "usermod --lock alice", "nft -f - <<X\nX", "systemctl mask --now x",
        "chage -E 1 alice", "grep x /y |\n  sort > /z",
    ],
)  # fmt: skip
def test_what_stays_on_the_host_is_seen(command):
    assert list(settings(command))


@pytest.mark.parametrize(
    "command",
    [
        "postconf -n", "postconf -M", "postconf -P", "sed -n s/a/b/p /x", "x 2> /dev/null", "x > /dev/null 2>&1", "echo x >&2",
        "awk '$1 > 2 { print }' /x", 'echo "a > b"', "# > /etc/motd", "nft list tables", "systemctl status x", "test 2 -gt 1",
        "cat <<X\na > b\nX", "sed 's/a -> b/c/' /x", "sort < /x",
    ],
)  # fmt: skip
def test_what_leaves_no_trace_is_not(command):
    assert list(settings(command)) == []


@pytest.mark.parametrize(
    "command",
    [
        "postfix reload", "systemctl restart x", "kill 5", "exim4 -Mf X", "exim4 -v -M X", "postsuper -h -", "postqueue -i X", "newaliases",
        "sendmail-mta -q", "sendmail-mta -QX -qR@", "smtpctl resume mta", "if x; then rm -f /x; fi", "doveadm kick alice", "ss -tnK dst 1",
        "date > /x", "apt-get -y -o a=b upgrade",
    ],
)  # fmt: skip
def test_what_does_more_than_look_is_seen(command):
    assert list(acts(command))


@pytest.mark.parametrize(
    "command",
    [
        "postqueue -j | wc -l", "exim4 -Mvh X", "exim4 -bpc", "sendmail-mta -bp -qQ", "smtpctl show queue", "systemctl status x",
        "postcat -qe X", "doveadm who", "ss -tnH", "exipick -i", "grep -c rm /x", "postconf -h a | grep -qx b",
    ],
)  # fmt: skip
def test_what_only_looks_is_not(command):
    assert list(acts(command)) == []


@pytest.mark.parametrize(
    "command",
    [
        "postsuper -d -",
        "xargs -r exim4 -Mrm",
        "smtpctl remove X",
        "doveadm expunge -u a ALL",
        "mv /var/spool/mqueue/x /y",
    ],
)
def test_what_deletes_mail_is_seen(command):
    assert list(deletions(command))


@pytest.mark.parametrize(
    "command", ["postsuper -h -", "exim4 -Mf X", "smtpctl pause envelope X", "rm -f /etc/x"]
)
def test_what_keeps_mail_is_not(command):
    assert list(deletions(command)) == []


@pytest.mark.parametrize(
    ("command", "free"),
    [
        ("systemctl start {{ x }}", True),
        ("systemctl start -- {{ x }}", False),
        ("grep -e {{ x }} /y", False),
        ("grep -e y {{ x }}", True),
        ("printf '%s' {{ x }}", False),
        ("name={{ x }}", False),
        ("grep 'a='{{ x }} /y", False),
        ("systemctl start {{ typed }}", False),
    ],
)
def test_a_value_that_a_command_may_read_as_an_option_is_seen(command, free):
    assert [name for _line, name in dashing(command, {"x"})] == (["x"] if free else [])


def translated(tmp_path, marks, language="sv", more=""):
    (tmp_path / "example.md").write_text(EXAMPLE)
    path = tmp_path / f"example.{language}.md"
    path.write_text(
        "# Exempel\n\n" + "".join(f"### Rubrik\n<!-- step: {mark} -->\n\nText.\n\n" for mark in marks) + more
    )
    return "\n".join(problem.text for problem in lint_translation(path))


STEPS = [step.id for step in parse(EXAMPLE, Path("example.md")).steps]


def test_a_translation_that_tells_every_step_once_is_taken(tmp_path):
    assert translated(tmp_path, STEPS) == ""


@pytest.mark.parametrize(
    ("marks", "language", "more", "words"),
    [
        (STEPS[1:], "sv", "", f"the step {STEPS[0]} is not translated"),
        ([*STEPS, STEPS[0]], "sv", "", f"the step {STEPS[0]} is translated twice"),
        ([*STEPS, "dance"], "sv", "", "example has no step dance"),
        (STEPS, "tlh", "", "unknown language tlh"),
        (STEPS, "fr", "```sh {step=purge}\ntrue\n```\n", "blocks stand in the canonical file alone"),
    ],
)
def test_a_translation_that_differs_is_told(tmp_path, marks, language, more, words):
    assert words in translated(tmp_path, marks, language, more)


def test_a_translation_of_nothing_is_told(tmp_path):
    (tmp_path / "other.sv.md").write_text("# Annat\n")
    with pytest.raises(NoSuchRunbook, match=r"other\.sv\.md translates other\.md, which is not there"):
        lint_translation(tmp_path / "other.sv.md")
