"""A plan reads well, and nothing from a target reaches the terminal or a shell unescaped."""

import json
import subprocess

from auditor.model import Severity, Status
from auditor.remedy.compare import Change, Outcome
from auditor.remedy.plan import Plan, Step
from auditor.remedy.render import outcome_as_text, plan_as_json, plan_as_sh, plan_as_text, told_as_text
from auditor.remedy.run import Ran, Told
from auditor.remedy.scanned import Result


def result(**changes):
    given = {
        "check": "relay-closed",
        "subject_kind": "host",
        "subject": "mx1",
        "status": Status.FAILED,
        "severity": Severity.CRITICAL,
        "summary": "RCPT accepted",
        "playbook": "close-relay",
    }
    return Result(**(given | changes))


def step(**changes):
    given = {
        "playbook": "close-relay",
        "hosts": ("mx1",),
        "tags": ("relay-closed",),
        "closes": (result(),),
        "derived": {},
    }
    return Step(**(given | changes))


def test_each_step_names_what_it_closes_and_the_line_to_type():
    assert plan_as_text(Plan(steps=(step(),)), "hosts.yml", "playbooks") == (
        "1. close-relay on mx1\n"
        "   closes relay-closed: RCPT accepted\n"
        "   ansible-playbook -i hosts.yml playbooks/close-relay.yml -l mx1 --tags relay-closed\n\n"
    )


def test_a_step_that_lacks_a_variable_says_which():
    text = plan_as_text(Plan(steps=(step(missing=("mail_log_host",)),)), "hosts.yml", "playbooks")

    assert "not run: the inventory lacks mail_log_host" in text
    assert "ansible-playbook" not in text


def test_what_people_must_do_is_listed_with_the_steps():
    by_hand = result(playbook=None, by_hand="Ask the provider.\nThen scan again.")

    text = plan_as_text(Plan(by_hand=(by_hand,)), "hosts.yml", "playbooks")

    assert "      Ask the provider.\n      Then scan again.\n" in text


def test_nothing_found_is_said_in_words():
    assert plan_as_text(Plan(), "hosts.yml", "playbooks") == "Nothing to repair.\n"


def test_escape_sequences_of_a_target_are_shown_and_not_sent():
    text = plan_as_text(Plan(steps=(step(closes=(result(summary="\x1b[2J\r250 ok"),)),)), "i", "p")

    assert "\x1b" not in text
    assert r"\x1b[2J\r250 ok" in text


def test_json_carries_the_command_as_a_list_and_no_inventory_values():
    made = json.loads(plan_as_json(Plan(steps=(step(derived={"mail_domains": ["a.example"]}),)), "i", "p"))

    assert made["schema"] == "auditor.plan/1"
    assert made["steps"][0]["command"][:3] == ["ansible-playbook", "-i", "i"]
    assert made["steps"][0]["derived"] == {"mail_domains": ["a.example"]}


def test_the_script_is_valid_shell_also_with_hostile_names(tmp_path):
    hostile = step(hosts=("mx1; touch pwned #",), derived={"mail_domains": ["$(touch pwned).example"]})
    script = plan_as_sh(
        Plan(steps=(hostile, step(missing=("x",))), by_hand=(result(subject="a\nrm"),)), "i", "p"
    )

    shell = "ansible-playbook() { printf '%s\\n' \"$@\"; }\n"
    ran = subprocess.run(
        ["bash"], input=shell + script, capture_output=True, text=True, cwd=tmp_path, check=True
    )

    assert "mx1; touch pwned #" in ran.stdout.splitlines()
    assert list(tmp_path.iterdir()) == []


def test_bad_news_comes_first():
    text = outcome_as_text(
        [
            Change(before=result(), after=result(), outcome=Outcome.CLOSED),
            Change(before=result(check="abuse-accepted"), after=None, outcome=Outcome.WORSE),
        ],
        [
            Ran(
                playbook="close-relay",
                hosts=("mx1",),
                check_mode=False,
                status="successful",
                changed={"mx1": 3},
            )
        ],
    )

    assert text.splitlines() == [
        "close-relay: successful, mx1 3 changed",
        "worse       abuse-accepted on mx1: RCPT accepted",
        "closed      relay-closed on mx1: RCPT accepted",
    ]


def test_what_could_not_be_judged_before_is_not_called_worse():
    dmarc = result(
        check="dmarc-policy-enforced", subject="example.org", summary="DMARC asks for nothing (p=none)"
    )

    text = outcome_as_text([Change(before=dmarc, after=dmarc, outcome=Outcome.NOW_OPEN)], [])

    assert text == (
        "now open    dmarc-policy-enforced on example.org: DMARC asks for nothing (p=none)"
        " (there was nothing to judge before)\n"
    )


def ran(*told):
    return Ran(
        playbook="dkim-signing", hosts=("mx1",), check_mode=False, status="successful", changed={}, told=told
    )


def test_what_is_left_to_a_person_can_be_copied_and_is_said_once():
    record = ("Publish:", '_dmarc.example.org. 3600 IN TXT "v=DMARC1; p=none"')
    same = [Told(host=host, task="Print", lines=record) for host in ("mx1", "mx2", "mx1")]

    assert told_as_text([ran(*same), ran(Told(host="mx1", task="Say", lines=("red \x1b[31m",)))]) == (
        "Left to you:\n"
        "\n"
        "dkim-signing on mx1, dkim-signing on mx2 says:\n"
        "Publish:\n"
        '_dmarc.example.org. 3600 IN TXT "v=DMARC1; p=none"\n'
        "\n"
        "dkim-signing on mx1 says:\n"
        "red \\x1b[31m\n"
    )


def test_nothing_is_left_to_a_person_where_nothing_was_said():
    assert told_as_text([ran()]) == ""
