"""A step runs through the real ansible-runner, against this machine as its own target."""

from pathlib import Path

import pytest

from auditor.remedy.plan import Step
from auditor.remedy.run import MAX_LINE, MAX_LINES, Runner, Told, _failure, _Listener

PLAY = """\
- name: Write a greeting
  hosts: all
  gather_facts: false
  tasks:
    - name: Greet
      ansible.builtin.copy:
        content: "hello {{ whom | default('nobody') }}\\n"
        dest: "{{ target }}"
        mode: "0600"
      tags: [greet]
    - name: Break
      ansible.builtin.fail:
        msg: "cannot be done here"
      tags: [break]
    - name: Tell
      ansible.builtin.debug:
        msg: ["Publish:", "{{ 'a 3600 IN A 192.0.2.1\\nb 3600 IN A 192.0.2.2' }}"]
      tags: [tell]
    - name: Keep to itself
      ansible.builtin.debug:
        msg: "the secret is {{ whom | default('hunter2') }}"
      no_log: true
      tags: [tell]
    - name: Have nothing to say
      ansible.builtin.debug:
        msg: ""
      tags: [tell]
"""


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "greet.yml").write_text(PLAY, encoding="utf-8")
    inventory = tmp_path / "hosts.yml"
    target = tmp_path / "greeting"
    inventory.write_text(
        "all:\n  hosts:\n    me:\n      ansible_connection: local\n"
        "      ansible_python_interpreter: '{{ ansible_playbook_python }}'\n"
        f"      target: {target}\n",
        encoding="utf-8",
    )
    said: list[str] = []
    return Runner(inventory=inventory, folder=folder, say=said.append), target, said


def step(*tags, **derived):
    return Step(playbook="greet", hosts=("me",), tags=tags, closes=(), derived=derived)


def test_check_mode_shows_the_diff_and_changes_nothing(here):
    runner, target, said = here

    ran = runner.run(step("greet"), check_mode=True)

    assert ran.good
    assert ran.changed == {"me": 1}
    assert ran.ended == {"me": "done"}
    assert "+hello nobody" in "".join(said)
    assert not target.exists()


def test_only_the_tags_of_the_step_run_and_derived_variables_arrive(here):
    runner, target, _ = here

    ran = runner.run(step("greet", whom="postmaster"), check_mode=False)

    assert ran.good
    assert target.read_text(encoding="utf-8") == "hello postmaster\n"
    assert runner.run(step("greet", whom="postmaster"), check_mode=False).changed.get("me", 0) == 0


def test_a_failure_is_told_with_host_task_and_message(here):
    runner, _, _ = here

    ran = runner.run(step("break"), check_mode=False)

    assert not ran.good
    assert ran.failures == ("me: Break: cannot be done here",)


def test_what_a_playbook_tells_a_person_is_kept_line_by_line_and_what_it_does_not_log_is_not(here):
    runner, _, _ = here

    ran = runner.run(step("tell"), check_mode=False)

    assert ran.told == (
        Told(
            host="me",
            task="Tell",
            lines=("Publish:", "a 3600 IN A 192.0.2.1", "b 3600 IN A 192.0.2.2"),
        ),
    )


def test_a_host_cannot_fill_the_record_by_what_it_has_a_playbook_say():
    flood = {
        "task_action": "debug",
        "host": "mx1",
        "task": "t",
        "res": {"msg": "x" * 10_000 + "\ny" * 10_000},
    }
    listener, _ = listening({"event": "runner_on_ok", "event_data": flood})

    (told,) = listener.told
    assert (len(told.lines), len(told.lines[0])) == (MAX_LINES, MAX_LINE)


def test_what_a_task_is_for_is_said_once():
    said = "Dovecot answers Exim about logins"
    event = {
        "host": "mx1",
        "task": f"submission : Exim | {said}",
        "res": {"msg": f"{said}: undone: it failed"},
    }
    assert _failure(event) == f"mx1: submission : Exim | {said}: undone: it failed"


def test_ansible_runner_leaves_no_files_behind(here, tmp_path, monkeypatch):
    runner, _, _ = here
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))

    runner.run(step("greet"), check_mode=True)

    assert [p for p in Path(scratch).iterdir() if p.name.startswith("auditor-fix-")] == []


def host_by_host(*hosts):
    """Events of a playbook that takes one host after the other."""
    return [
        {"event": "runner_on_start", "event_data": {"host": host, "task": task}}
        for host in hosts
        for task in "ab"
    ]


def listening(*events):
    told: list[str] = []
    listener = _Listener(lambda _text: None, told.append)
    for event in events:
        listener.event(event)
    return listener, told


def test_each_host_is_told_once_as_its_turn_comes():
    assert listening(*host_by_host("mx1", "mx2"))[1] == ["mx1", "mx2"]


def test_ansible_that_was_killed_leaves_the_last_host_cut_off_and_the_rest_not_begun():
    listener, _ = listening(*host_by_host("mx1", "mx2"))

    assert [listener.ended(host) for host in ("mx1", "mx2", "mx3")] == ["done", "cut off", "not begun"]


@pytest.mark.parametrize(("kind", "word"), [("dark", "cut off"), ("failures", "failed"), ("ok", "done")])
def test_ansibles_own_account_says_how_the_last_host_ended(kind, word):
    stats = {"event": "playbook_on_stats", "event_data": {kind: {"mx2": 1}, "changed": {"mx1": 1}}}
    listener, _ = listening(*host_by_host("mx1", "mx2"), stats)

    assert [listener.ended(host) for host in ("mx1", "mx2", "mx3")] == ["done", word, "not begun"]
