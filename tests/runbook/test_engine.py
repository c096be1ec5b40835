"""The engine: order, gates, consent, verification that decides, ways back, time."""

import hashlib
import json
import resource
import signal
import subprocess

import pytest
from msgspec import structs

from auditor.runbook import consent
from auditor.runbook.book import Edited
from auditor.runbook.desk import NotPossible
from auditor.runbook.incident import Incident
from auditor.runbook.journal import Author, Unwritable
from auditor.runbook.operator import NoAnswer
from auditor.runbook.proof import flaws
from auditor.runbook.state import Progress
from auditor.runbook.world import Outcome, Played
from tests.runbook.fake_world import FakeWorld, Site, runbook, step

COMMAND = "kind: command\nrole: ops\n"
SHELL = "verify:\n  - shell: true"


def touch(name, more="", **kwargs):
    return step(
        name, COMMAND + more + SHELL, ("step", f"touch {name}"), ("verify", f"test -e {name}"), **kwargs
    )


def test_steps_run_in_order_and_each_is_verified(tmp_path):
    site = Site(tmp_path, runbook(touch("first"), touch("second")))
    assert site.run_all() == [("first", Progress.OK), ("second", Progress.OK)]
    assert sorted(path.name for path in site.host.iterdir()) == ["first", "second"]
    assert site.kinds == ["open", *["step.start", "step.acted", "step.end"] * 2, "clock"]


def test_exit_0_without_its_effect_is_a_failure(tmp_path):
    site = Site(
        tmp_path, runbook(step("lies", COMMAND + SHELL, ("step", "true"), ("verify", "test -e nothing")))
    )
    assert site.run_all() == [("lies", Progress.FAILED)]


def test_an_unknown_verification_is_never_ok(tmp_path):
    world_text = runbook(step("blind", COMMAND + "verify:\n  - probe: port.closed", ("step", "true")))
    site = Site(tmp_path, world_text)
    site.world.probes["port.closed"] = Outcome.unknown("no answer")
    assert site.run_all() == [("blind", Progress.UNKNOWN)]


def test_a_failing_command_in_the_middle_stops_the_block(tmp_path):
    site = Site(
        tmp_path,
        runbook(step("half", COMMAND + SHELL, ("step", "false\ntouch half"), ("verify", "test -e half"))),
    )
    assert site.run_all() == [("half", Progress.FAILED)]
    assert not (site.host / "half").exists()


def test_a_failed_step_is_offered_again_and_nothing_after_it(tmp_path):
    site = Site(tmp_path, runbook(touch("first"), touch("second")))
    site.world.remote.broken = True
    assert site.next() == ("first", Progress.UNKNOWN)
    site.world.remote.broken = False
    site.answers["first"] = {"resume": "not-done"}
    assert site.run_all() == [("first", Progress.OK), ("second", Progress.OK)]


def test_on_fail_leads_to_a_later_step_and_the_failure_stays_visible(tmp_path):
    text = runbook(
        step("egress", COMMAND + "on_fail: goto:cable\n" + SHELL, ("step", "false"), ("verify", "false")),
        touch("between"),
        step(
            "cable",
            "kind: manual\nrole: ops\nwhen: egress.failed\nverify:\n  - person: It hangs",
            text="- [ ] Pull it.",
        ),
    )
    site = Site(tmp_path, text)
    assert site.next() == ("egress", Progress.FAILED)
    assert site.run_all() == [("cable", Progress.OK)]
    assert site.state.steps["test/between"].progress is Progress.PASSED_OVER
    with site.incident() as incident, pytest.raises(NotPossible, match="step test/egress is failed"):
        site.engine(incident).close()


def test_a_step_whose_condition_is_false_is_left_out(tmp_path):
    site = Site(
        tmp_path,
        runbook(touch("exim", "when: mta == 'exim4'\n"), touch("postfix", "when: mta == 'postfix'\n")),
    )
    assert site.run_all() == [("postfix", Progress.OK)]


def test_what_cannot_be_told_is_asked(tmp_path):
    site = Site(tmp_path, runbook(touch("maybe", "when: dovecot\n")), {"maybe": {"applies": False}})
    with pytest.raises(NotPossible, match="was skipped"):
        site.next()
    assert site.state.steps["test/maybe"].progress is Progress.SKIPPED


def test_needs_accept_a_skip_with_a_reason_and_a_gate_does_not(tmp_path):
    site = Site(
        tmp_path,
        runbook(touch("cause"), touch("tell", "needs: [cause]\n"), touch("delist", "gate: [cause]\n")),
    )
    with site.incident() as incident:
        engine = site.engine(incident)
        engine.skip(engine.desk.book.find("cause"), "known already")
    assert site.next() == ("tell", Progress.OK)
    with pytest.raises(NotPossible, match=r"locked until these are done: cause \(skipped\)"):
        site.next()


def test_nothing_runs_without_consent(tmp_path):
    site = Site(tmp_path, runbook(touch("first")), {"first": {"run": False}})
    with pytest.raises(NotPossible, match="was not started"):
        site.next()
    assert site.kinds == ["open"]


PURGE = runbook(
    step("copy", "kind: evidence\nrole: ops\nset: configuration"),
    step(
        "purge",
        COMMAND
        + "danger: destructive\nneeds: [copy]\napprove: {role: ic}\npreview: queue-id\nverify:\n  - shell: true",
        ("preview", "cat queue"),
        ("step", "cat > removed\nrm queue"),
        ("verify", "test ! -e queue"),
    ),
)


def test_no_reason_stands_for_the_copy_of_what_is_about_to_be_deleted(tmp_path):
    site = Site(tmp_path, PURGE)
    with site.incident() as incident:
        engine = site.engine(incident)
        engine.skip(engine.desk.book.find("copy"), "no room")
    with pytest.raises(NotPossible, match=r"locked until these are done: copy \(skipped\)"):
        site.next()
    assert "removed" not in site.kinds


def test_a_destructive_step_acts_on_the_approved_list_and_keeps_it(tmp_path):
    site = Site(tmp_path, PURGE)
    (site.host / "queue").write_text("3F2A1B4C5D\n3F2A1B4C5E\n")
    assert site.run_all() == [("copy", Progress.OK), ("purge", Progress.OK)]
    assert (site.host / "removed").read_text() == "3F2A1B4C5D\n3F2A1B4C5E\n"
    assert len(site.state.removed) == 1
    assert (site.folder / site.state.removed[0]).read_text() == "3F2A1B4C5D\n3F2A1B4C5E\n"
    assert site.state.previews["test/purge"].count == 2


@pytest.mark.parametrize("hostile", ["3F2A; rm -rf /", "$(reboot)", "-d", "ALL\x1b[2J", "../../etc", "`id`"])
def test_a_queue_id_that_is_none_stops_everything(tmp_path, hostile):
    site = Site(tmp_path, PURGE)
    (site.host / "queue").write_text(f"3F2A1B4C5D\n{hostile}\n")
    assert site.next() == ("copy", Progress.OK)
    with pytest.raises(NotPossible, match="nothing was done"):
        site.next()
    assert (site.host / "queue").exists()
    assert "\x1b" not in "".join(site.said)


def test_a_list_that_was_cut_short_or_has_no_end_is_not_acted_on(tmp_path, monkeypatch):
    site = Site(tmp_path, PURGE)
    (site.host / "queue").write_text("3F2A1B4C5D\n3F2A1B4C5E\n3F2A1B4C5F\n")
    assert site.next() == ("copy", Progress.OK)
    monkeypatch.setattr(consent, "_MOST_ITEMS", 2)
    with pytest.raises(NotPossible, match="more than 2 items"):
        site.next()
    run = site.world.remote.run
    monkeypatch.setattr(
        site.world.remote, "run", lambda *words, **more: structs.replace(run(*words, **more), truncated=True)
    )
    monkeypatch.setattr(consent, "_MOST_ITEMS", 9)
    with pytest.raises(NotPossible, match="the preview of purge failed"):
        site.next()
    assert not (site.host / "removed").exists()


def test_one_person_alone_types_the_hosts_name_and_waits(tmp_path):
    answers = {"purge": {"approve": {"agreed": True, "by": "Anna", "host": "mx1"}}}
    site = Site(tmp_path, PURGE, answers)
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    assert site.run_all()[-1] == ("purge", Progress.OK)
    assert site.world.slept == 20


def test_the_wrong_host_name_is_no_approval(tmp_path):
    site = Site(tmp_path, PURGE, {"purge": {"approve": {"agreed": True, "by": "anna", "host": "mx2"}}})
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    assert site.next() == ("copy", Progress.OK)
    with pytest.raises(NotPossible, match="not the host's name"):
        site.next()
    assert (site.host / "queue").exists()


def test_where_two_are_required_one_is_not_enough(tmp_path):
    text = PURGE.replace("approve: {role: ic}", "approve: {role: ic, two_person: required}")
    site = Site(tmp_path, text, {"purge": {"approve": {"agreed": True, "by": "Anna", "host": "mx1"}}})
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    site.next()
    with pytest.raises(NotPossible, match="needs a second person"):
        site.next()


def test_an_approval_holds_for_its_list_and_half_an_hour(tmp_path):
    site = Site(tmp_path, PURGE, {"purge": {"approve": {"agreed": True, "by": "bo"}, "run": False}})
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    site.next()
    with pytest.raises(NotPossible, match="was not started"):
        site.next()
    site.answers["purge"] = {"approve": {"agreed": False}, "run": False}
    with pytest.raises(NotPossible, match="was not started"):  # still approved, and not asked again
        site.next()
    (site.host / "queue").write_text("3F2A1B4C5D\n3F2A1B4C5E\n")
    with pytest.raises(NotPossible, match="does not agree"):
        site.next()
    (site.host / "queue").write_text("3F2A1B4C5D\n")
    site.next_clock = site.world.clock.seconds = 31 * 60
    with pytest.raises(NotPossible, match="does not agree"):
        site.next()


HOLD = step(
    "hold",
    COMMAND + "danger: reversible\ntemporary: 4h\ncapture: {before: line}\n" + SHELL,
    ("capture", "echo before=$(cat setting)"),
    ("step", "echo HOLD > setting"),
    ("verify", "grep -q HOLD setting"),
    ("undo", "printf '%s\\n' {{ before }} > setting"),
)
FREE = step(
    "free", "kind: undo\nrole: ops\nof: hold\nverify:\n  - shell: true", ("verify", "grep -qv HOLD setting")
)


def test_a_way_back_restores_what_was_captured_and_ends_the_measure(tmp_path):
    site = Site(tmp_path, runbook(HOLD, FREE))
    (site.host / "setting").write_text('it\'s $(odd) "value"\n')
    assert site.next() == ("hold", Progress.OK)
    assert list(site.state.temporaries) == ["test/hold"]
    assert site.next() == ("free", Progress.OK)
    assert (site.host / "setting").read_text() == 'it\'s $(odd) "value"\n'
    assert not site.state.temporaries


def test_a_measure_that_is_taken_once_more_is_taken_back_once_more(tmp_path):
    site = Site(tmp_path, runbook(HOLD, FREE))
    for setting in ("old\n", "newer\n"):
        (site.host / "setting").write_text(setting)
        with site.incident() as incident:
            engine = site.engine(incident)
            for name in ("hold", "free"):
                assert engine.run(engine.desk.book.find(name)).result is Progress.OK
        assert (site.host / "setting").read_text() == setting


def test_an_incident_with_a_temporary_measure_cannot_be_closed(tmp_path):
    site = Site(tmp_path, runbook(HOLD))
    (site.host / "setting").write_text("old\n")
    site.run_all()
    with (
        site.incident() as incident,
        pytest.raises(NotPossible, match="temporary measure test/hold is still in place"),
    ):
        site.engine(incident).close()


def test_a_measure_that_was_lost_is_noticed_before_the_next_step(tmp_path):
    site = Site(tmp_path, runbook(HOLD, touch("later")), {"hold": {"lost": "again"}})
    (site.host / "setting").write_text("old\n")
    site.next()
    (site.host / "setting").write_text("old\n")
    assert site.next() == ("later", Progress.OK)
    assert "temp.lost" in site.kinds
    assert (site.host / "setting").read_text() == "HOLD\n"


def test_a_second_attempt_keeps_what_the_first_one_captured(tmp_path):
    text = HOLD.replace("echo HOLD > setting", "echo HOLD > setting\ntest -e ready")
    site = Site(tmp_path, runbook(text))
    (site.host / "setting").write_text("old\n")
    assert site.next() == ("hold", Progress.FAILED)
    (site.host / "ready").touch()
    assert site.next() == ("hold", Progress.OK)
    with site.incident() as incident:
        engine = site.engine(incident)
        assert engine.undo(engine.desk.book.find("hold")).result is Progress.OK
    assert (site.host / "setting").read_text() == "old\n"


def test_a_way_back_that_fails_stops_everything(tmp_path):
    site = Site(
        tmp_path, runbook(HOLD.replace("printf '%s\\n' {{ before }} > setting", "false"), touch("later"))
    )
    (site.host / "setting").write_text("old\n")
    site.next()
    with site.incident() as incident:
        engine = site.engine(incident)
        assert engine.undo(engine.desk.book.find("hold")).result is Progress.FAILED
    assert "CALL THE INCIDENT COMMANDER" in "\n".join(site.said)
    with pytest.raises(NotPossible, match="did not work"):
        site.next()


DECIDE = step(
    "broken-in",
    'kind: decision\nrole: ic\nquestion: Broken into?\noptions:\n  "yes": {goto: last}\n  "no": {next: true}\n'
    'default_after: {time: 30m, option: "yes"}',
)


@pytest.mark.parametrize(("option", "rest"), [("yes", ["last"]), ("no", ["between", "last"])])
def test_a_decision_leads_on(tmp_path, option, rest):
    site = Site(tmp_path, runbook(DECIDE, touch("between"), touch("last")), {"broken-in": {"choose": option}})
    assert [name for name, _ in site.run_all()] == ["broken-in", *rest]
    assert site.state.values["broken-in"] == option


def test_the_journal_says_in_which_role_somebody_acted(tmp_path):
    site = Site(tmp_path, runbook(DECIDE, touch("last")), {"broken-in": {"choose": "no"}})
    for actor, role in (("anna", ""), ("bo", "expert")):
        with Incident(site.folder, site.world.clock, Author(actor=actor, role=role, src="test")) as incident:
            engine = site.engine(incident)
            engine.run(engine.next_step())
            incident.record("note", data={"text": "by the way"})
    with site.incident() as incident:
        told = [(entry.actor, entry.kind, entry.role) for entry in incident.journal.entries]
    assert ("anna", "decision", "ic") in told
    assert ("anna", "note", "ops") in told
    assert [role for actor, _kind, role in told if actor == "bo"] == ["expert"] * 5
    assert site.state.people == {"ops": "anna", "ic": "anna", "expert": "bo"}


def test_an_approval_is_that_of_the_person_who_gave_it(tmp_path):
    site = Site(tmp_path, runbook(step("agree", "kind: approve\nrole: ic\napprove: {role: owner}")))
    site.next()
    assert site.state.people["owner"] == "bo"


def test_a_decision_that_nobody_takes_falls_to_its_default_in_time(tmp_path):
    site = Site(tmp_path, runbook(DECIDE, touch("between"), touch("last")))
    with pytest.raises(NoAnswer):
        site.next()
    site.world.clock.seconds = 29 * 60
    with pytest.raises(NoAnswer):
        site.next()
    site.world.clock.seconds = 31 * 60
    assert [name for name, _ in site.run_all()] == ["broken-in", "last"]


def test_a_decision_may_lead_to_another_runbook_in_the_same_incident(tmp_path):
    text = runbook(DECIDE.replace("{goto: last}", "{runbook: other}"), touch("last"))
    site = Site(tmp_path, text, {"broken-in": {"choose": "yes"}})
    (site.books / "other.md").write_text(runbook(touch("elsewhere"), name="other"))
    assert [name for name, _ in site.run_all()] == ["broken-in", "elsewhere"]
    assert [pin.name for pin in site.state.runbooks] == ["test", "other"]
    assert site.state.steps["test/last"].progress is Progress.PASSED_OVER


def test_the_frame_of_a_runbook_that_is_taken_up_comes_along_and_is_pinned_too(tmp_path):
    site = Site(
        tmp_path,
        runbook(DECIDE.replace("{goto: last}", "{runbook: other}"), touch("last")),
        {"broken-in": {"choose": "yes"}},
    )
    frame = runbook(touch("frame-declare"), name="frame") + "\n## Body\n\n## Close\n\n" + touch("frame-close")
    (site.books / "frame.md").write_text(frame)
    (site.books / "other.md").write_text(runbook(touch("cure"), name="other", more="frame: frame\n"))
    assert [name for name, _ in site.run_all()] == ["broken-in", "frame-declare", "cure", "frame-close"]
    assert {pin.name for pin in site.state.runbooks} == {"test", "other", "frame"}


def test_another_runbook_may_come_first_and_the_rest_of_this_one_after_it(tmp_path):
    (tmp_path / "runbooks").mkdir()
    frame = runbook(touch("frame-declare"), name="frame") + "\n## Body\n\n## Close\n\n" + touch("frame-close")
    (tmp_path / "runbooks" / "frame.md").write_text(frame)
    watch = step("watch", "kind: wait\nrole: ops\nrecheck: [1h]\nverify:\n  - probe: queue.held")
    (tmp_path / "runbooks" / "other.md").write_text(
        runbook(touch("cause"), watch, touch("cure"), name="other")
    )
    text = runbook(
        DECIDE.replace("{goto: last}", "{runbook: other, back: true}"), touch("last"), more="frame: frame\n"
    )
    site = Site(tmp_path, text, {"broken-in": {"choose": "yes"}})
    order = [site.next()[0] for _ in range(7)]
    assert order == ["frame-declare", "broken-in", "cause", "watch", "cure", "last", "frame-close"]
    site.world.clock.seconds = 3700
    assert site.next() == ("watch", Progress.OK)
    assert site.next() is None


def test_the_last_half_of_the_frame_waits_for_steps_that_a_wait_keeps_locked(tmp_path):
    (tmp_path / "runbooks").mkdir()
    frame = runbook(touch("frame-declare"), name="frame") + "\n## Body\n\n## Close\n\n" + touch("frame-close")
    (tmp_path / "runbooks" / "frame.md").write_text(frame)
    quiet = step("quiet", "kind: wait\nrole: ops\nfor: 60m")
    text = runbook(quiet, touch("ask", more="needs: [quiet]\n"), touch("else"), more="frame: frame\n")
    site = Site(tmp_path, text)
    assert [site.next()[0] for _ in range(4)] == ["frame-declare", "quiet", "else", "quiet"]
    site.world.clock.seconds = 3700
    assert [site.next()[0] for _ in range(3)] == ["quiet", "ask", "frame-close"]


def test_an_edited_runbook_is_refused_until_it_is_accepted(tmp_path):
    site = Site(tmp_path, runbook(touch("first"), touch("second")))
    site.next()
    (site.books / "test.md").write_text(runbook(touch("first"), touch("third")))
    with pytest.raises(Edited, match="auditor incident accept"):
        site.next()
    with site.incident() as incident:
        assert site.engine(incident).accept() == ["test"]
    assert site.run_all() == [("third", Progress.OK)]


def copies(site):
    """The runbooks that the journal says are with the incident: their text, as it was pinned."""
    with site.incident() as incident:
        pinned = [entry for entry in incident.journal.entries if entry.kind in {"open", "follow", "accept"}]
    for entry in pinned:
        (kept,) = entry.files
        assert kept.sha256 == entry.rb_sha256
        yield (site.folder / kept.p).read_text()


def test_every_text_that_was_followed_stays_with_the_incident_the_accepted_one_beside_the_first(tmp_path):
    first, second = runbook(touch("first"), touch("last")), runbook(touch("first"), touch("better"))
    site = Site(tmp_path, first)
    site.next()
    (site.books / "test.md").write_text(second)
    with site.incident() as incident:
        site.engine(incident).accept()
    (site.books / "test.md").write_text("gone")
    assert list(copies(site)) == [first, second]
    assert flaws(site.folder) == []
    (accepted,) = (path for path in (site.folder / "runbooks").iterdir() if path.read_text() == second)
    accepted.write_text(second.replace("touch better", "touch worse"))
    assert [flaw.text for flaw in flaws(site.folder)] == [f"runbooks/{accepted.name} (line 5) was changed"]


def test_a_runbook_that_a_decision_takes_up_is_kept_too(tmp_path):
    text = runbook(DECIDE.replace("{goto: last}", "{runbook: other}"), touch("last"))
    site = Site(tmp_path, text, {"broken-in": {"choose": "yes"}})
    other = runbook(touch("elsewhere"), name="other").replace("\n", "\r\n")
    (site.books / "other.md").write_bytes(other.encode())
    site.run_all()
    assert list(copies(site)) == [text, other.replace("\r\n", "\n")]


def test_a_runbook_that_is_edited_while_it_is_accepted_is_not_accepted(tmp_path):
    site = Site(tmp_path, runbook(touch("first")))
    (site.books / "test.md").write_text(runbook(touch("second")))
    with site.incident() as incident:
        engine = site.engine(incident)
        (site.books / "test.md").write_text(runbook(touch("third")))
        with pytest.raises(Edited, match="edited this very moment"):
            engine.accept()
    assert "accept" not in site.kinds


def test_the_frame_stands_around_the_runbook(tmp_path):
    frame = runbook(touch("frame-declare"), name="frame") + "\n## Body\n\n## Close\n\n" + touch("frame-close")
    site_books = tmp_path / "runbooks"
    site_books.mkdir()
    (site_books / "frame.md").write_text(frame)
    site = Site(tmp_path, runbook(touch("first"), more="frame: frame\n"))
    assert [name for name, _ in site.run_all()] == ["frame-declare", "first", "frame-close"]


def test_looks_over_days_survive_restarts_and_a_clock_that_is_set_back(tmp_path):
    watch = step("watch", "kind: wait\nrole: ops\nrecheck: [1h, 24h]\nverify:\n  - probe: queue.held")
    site = Site(tmp_path, runbook(watch, touch("other")))
    assert site.next() == ("watch", Progress.UNKNOWN)
    assert site.next() == ("other", Progress.OK)
    site.world.clock.seconds = 3700
    site.world.clock.offset = -300  # the wall clock steps back five minutes
    site.next()
    assert site.state.steps["test/watch"].data["rechecks"] == 1
    site.world.clock.seconds = 86500
    assert site.next() == ("watch", Progress.OK)
    assert site.next() is None


def test_ansible_rehearses_runs_and_must_settle(tmp_path):
    text = runbook(
        step(
            "iso",
            "kind: ansible\nrole: ops\nplay: isolate\nargs: {level: 2, net: '{{ net }}'}\nverify:\n  - probe: ssh.alive",
        )
    )
    text = text.replace("tested_on", "vars:\n  net: {type: cidr, required: true}\ntested_on")
    site = Site(tmp_path, text, {"vars": {"net": "192.0.2.0/24"}})
    assert site.run_all() == [("iso", Progress.OK)]
    extra = {
        "incident_id": site.folder.name,
        "isolate_incident": site.folder.name,
        "level": 2,
        "net": "192.0.2.0/24",
    }
    assert site.world.plays == [("isolate", extra, True), ("isolate", extra, False), ("isolate", extra, True)]
    unsettled = FakeWorld(tmp_path)
    unsettled.played = [Played(good=True, changed=1, output="")]
    other = Site(tmp_path, text, {"vars": {"net": "192.0.2.0/24"}}, unsettled)
    assert other.run_all() == [("iso", Progress.FAILED)]


@pytest.mark.parametrize("value", ["{{ lookup('pipe', 'id') }}", "a{% if 1 %}b", "{# x #}"])
def test_a_value_that_ansible_would_run_as_a_template_never_reaches_it(tmp_path, value):
    text = runbook(
        step(
            "iso",
            "kind: ansible\nrole: ops\nplay: isolate\nargs: {net: '{{ net }}'}\nverify:\n  - probe: ssh.alive",
        )
    ).replace("tested_on", "vars:\n  net: {type: text, required: true}\ntested_on")
    site = Site(tmp_path, text, {"vars": {"net": value}})
    with pytest.raises(NotPossible, match="net holds a template, which Ansible would run"):
        site.run_all()
    assert site.world.plays == []


def test_an_urgent_playbook_is_run_once_and_judged_by_its_probe(tmp_path):
    text = runbook(
        step("iso", "kind: ansible\nrole: ops\nplay: isolate\nurgent: true\nverify:\n  - probe: ssh.alive")
    )
    site = Site(tmp_path, text)
    assert site.next() == ("iso", Progress.OK)
    assert [check for _play, _extra, check in site.world.plays] == [False]
    site = Site(tmp_path, text)
    site.world.probes["ssh.alive"] = Outcome.failed("no login")
    assert site.next() == ("iso", Progress.FAILED)


def test_a_value_of_the_wrong_type_is_refused_before_anything_runs(tmp_path):
    text = runbook(step("one", COMMAND + SHELL, ("step", "echo {{ who }}"), ("verify", "true")))
    text = text.replace("tested_on", "vars:\n  who: {type: address, required: true}\ntested_on")
    site = Site(tmp_path, text, {"vars": {"who": "-d ALL"}})
    with pytest.raises(NoAnswer):
        site.next()
    assert site.world.remote.programs == []


def test_values_reach_the_shell_as_data_whatever_they_hold(tmp_path):
    nasty = "$(touch pwned) `id` \"; rm -f x #' \\"
    text = runbook(step("one", COMMAND + SHELL, ("step", "printf %s {{ note }} > out"), ("verify", "true")))
    text = text.replace("tested_on", "vars:\n  note: {type: text, required: true}\ntested_on")
    site = Site(tmp_path, text, {"vars": {"note": nasty}})
    assert site.run_all() == [("one", Progress.OK)]
    assert (site.host / "out").read_text() == nasty
    assert not (site.host / "pwned").exists()


def test_a_full_disk_stops_before_the_act_and_leaves_nothing_corrupt(tmp_path):
    site = Site(tmp_path, runbook(touch("first"), touch("second")))
    assert site.next() == ("first", Progress.OK)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(
            resource.RLIMIT_FSIZE, ((site.folder / "journal.jsonl").stat().st_size + 50, before[1])
        )
        with pytest.raises(Unwritable, match="nothing was done"):
            site.next()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not (site.host / "second").exists()
    assert flaws(site.folder) == []
    assert site.run_all() == [("second", Progress.OK)]


def test_evidence_goes_on_where_the_connection_broke(tmp_path):
    site = Site(tmp_path, runbook(step("copy", "kind: evidence\nrole: ops\nset: logs\ntwo_copies: true")))
    plain = site.world.remote.run

    def breaking(program, **kwargs):
        if "var/log" in program.text:
            site.world.remote.broken = True
        return plain(program, **kwargs)

    site.world.remote.run = breaking
    assert site.next() == ("copy", Progress.UNKNOWN)
    collected = {item for _step, item in site.state.evidence}
    assert collected == {"journal", "journal-verify"}
    site.world.remote.run = lambda program, **kwargs: (
        site.world.remote.programs.append(program),
        plain(program, **kwargs),
    )[1]
    site.world.remote.broken = False
    before = len(site.world.remote.programs)
    assert site.next() == ("copy", Progress.OK)
    assert {item for _step, item in site.state.evidence} == {"journal", "journal-verify", "var-log"}
    assert any("var/log" in program.text for program in site.world.remote.programs[before:])
    assert not any("journalctl" in program.text for program in site.world.remote.programs[before:])
    copies = [path for path in (site.folder / "copy").rglob("*") if path.is_file()]
    assert len(copies) >= 3


def test_a_manifest_says_what_was_run_when_and_how_it_ended_and_sha256sum_reads_it(tmp_path):
    site = Site(tmp_path, runbook(step("copy", "kind: evidence\nrole: ops\nset: configuration")))
    site.world.clock.seconds = 3600
    site.next()
    (told,) = (site.folder / "ev").glob("*-copy.manifest.json")
    listed = json.loads(told.read_text())
    assert {one["item"] for one in listed} == {"mail-configuration"}
    for one in listed:
        assert one["command"].startswith("cd / || exit 2\nset --\nfor path in etc/postfix")
        assert (one["began"], one["ended"]) == ("2026-11-21T01:00:00.000Z", "2026-11-21T01:00:00.000Z")
        assert one["exit"] in {0, 1, 2}
        assert (site.folder / one["path"]).stat().st_size == one["bytes"]
    (plain,) = (site.folder / "ev").glob("*-copy.manifest.sha256")
    subprocess.run(
        ["sha256sum", "--check", "--quiet", plain.relative_to(site.folder)], cwd=site.folder, check=True
    )


def test_a_message_shows_its_blanks_and_a_person_sends_it(tmp_path):
    site = Site(tmp_path, runbook(step("tell", "kind: comms\nrole: comms\ntemplate: COM-1\nwithin: 1h")))
    (site.books / "templates").mkdir()
    (site.books / "templates/COM-1.en.md").write_text(
        "Subject: {{ incident_id }}\n\nWe see {{ services }}. Call {{ contact }}.\n"
    )
    site.answers["vars"] = {}
    assert site.run_all() == [("tell", Progress.OK)]
    draft = next((site.folder / "ev").glob("*COM-1.en.txt")).read_text()
    assert draft.startswith(f"Subject: {site.folder.name}\n")
    assert "[____ affected services ____]" in draft
    assert "still blank: services, contact" in "\n".join(site.said)


@pytest.mark.parametrize(
    ("contact", "warned"),
    [
        ("support@example.org", True),
        ("ann@canary.example", True),
        ("support@example.org, +44 20 7946 0000", False),
        ("support@example.net", False),
        ("support@example.org or ann@example.net", False),
        ("+44 20 7946 0000", False),
    ],
)
def test_a_contact_that_the_broken_platform_serves_is_told_before_the_message_goes(tmp_path, contact, warned):
    site = Site(tmp_path, runbook(step("tell", "kind: comms\nrole: comms\ntemplate: COM-1")))
    (site.books / "templates").mkdir()
    (site.books / "templates/COM-1.en.md").write_text("Subject: x\n\nCall {{ contact }}.\n")
    values = {
        "contact": contact,
        "mail_domains": "example.com example.org",
        "mail_canary": "x@canary.example",
    }
    with site.incident() as incident:
        incident.record("values", data={"values": values})
    assert site.run_all() == [("tell", Progress.OK)]
    assert ("whoever is hit cannot reach you" in "\n".join(site.said)) is warned
    with site.incident() as incident:
        sent = [entry.data for entry in incident.journal.entries if entry.kind == "comms"]
    assert ["contact_served_here" in data for data in sent] == [warned]


def test_ways_back_by_hand_and_by_playbook(tmp_path):
    text = runbook(
        step(
            "iso",
            "kind: ansible\nrole: ops\nplay: isolate\nargs: {isolate_state: present}\ndanger: reversible\ntemporary: 1h\n"
            "undo: {play: isolate, args: {isolate_state: absent}}\nverify:\n  - probe: isolation.active",
        ),
        step(
            "cable",
            "kind: manual\nrole: ops\ndanger: reversible\nwitness: true\nask: {port: line}\nundo: {manual: Plug it in.}\n"
            "verify:\n  - probe: host.unreachable",
            text="- [ ] Pull it.",
        ),
        step("plug", "kind: undo\nrole: ops\nof: cable\nverify:\n  - probe: ssh.alive"),
        step("free", "kind: undo\nrole: ops\nof: iso\nverify:\n  - probe: isolation.absent"),
    )
    site = Site(tmp_path, text, {"cable": {"port": "Gi0/7"}})
    assert [name for name, _ in site.run_all()] == ["iso", "cable", "plug", "free"]
    assert site.world.plays[-1] == (
        "isolate",
        {"incident_id": site.folder.name, "isolate_incident": site.folder.name, "isolate_state": "absent"},
        False,
    )
    assert site.state.values["port"] == "Gi0/7"
    assert any("Plug it in." in line for line in site.said)
    assert not site.state.temporaries


def test_a_playbook_has_the_time_of_its_step_and_tells_what_comes_next(tmp_path):
    words = "kind: ansible\nrole: ops\nplay: isolate\nurgent: true\n{}verify:\n  - probe: ssh.alive"
    site = Site(
        tmp_path, runbook(step("short", words.format("timeout: 2m\n")), step("usual", words.format("")))
    )
    site.world.played = [
        Played(good=True, changed=1, output="ok", said=("Confirm it, \x1b[2J or SSH opens.",))
    ]
    site.run_all()
    assert site.world.limits == [120, 900]
    assert "  Confirm it, \\x1b[2J or SSH opens." in site.said
    with site.incident() as incident:
        acted = [entry.data for entry in incident.journal.entries if entry.kind == "step.acted"]
    assert acted[0]["said"] == ["Confirm it, \x1b[2J or SSH opens."]


def test_a_playbook_that_was_cut_off_is_unknown_and_looked_at_before_it_runs_again(tmp_path):
    text = runbook(
        step("iso", "kind: ansible\nrole: ops\nplay: isolate\nurgent: true\nverify:\n  - probe: ssh.alive")
    )
    site = Site(tmp_path, text)
    site.world.played = [Played(good=False, changed=0, output="stopped after 900 s", ended=False)]
    assert site.next() == ("iso", Progress.UNKNOWN)
    assert "did not come to its end: stopped after 900 s" in site.state.steps["test/iso"].reason
    assert site.next() == ("iso", Progress.OK), "the probe says that it is in place"
    assert len(site.world.plays) == 1


def test_a_playbook_that_fails_check_mode_changes_nothing_and_leads_to_the_cable(tmp_path):
    text = runbook(
        step(
            "iso",
            "kind: ansible\nrole: ops\nplay: isolate\non_fail: goto:cable\nverify:\n  - probe: isolation.active",
        ),
        step(
            "cable",
            "kind: manual\nrole: ops\nwhen: iso.failed\nverify:\n  - person: loose",
            text="- [ ] Pull it.",
        ),
    )
    site = Site(tmp_path, text)
    site.world.played = [Played(good=False, changed=0, output="fatal: [mx1]: unreachable")]
    assert site.next() == ("iso", Progress.FAILED)
    assert [check for _play, _extra, check in site.world.plays] == [True]
    assert site.next() == ("cable", Progress.OK)


def test_what_is_found_impossible_once_a_step_began_leaves_no_step_of_which_nobody_knows(tmp_path):
    text = runbook(
        step(
            "iso",
            "kind: ansible\nrole: ops\nplay: isolate\nargs: {net: '{{ net }}'}\nurgent: true\ndanger: reversible\ntemporary: 1h\n"
            "undo: {manual: Take it back.}\nverify:\n  - probe: ssh.alive",
        )
    ).replace("tested_on", "vars:\n  net: {type: text, required: true}\ntested_on")
    site = Site(tmp_path, text, {"vars": {"net": "{{ lookup('pipe', 'id') }}"}})
    with pytest.raises(NotPossible, match="holds a template"):
        site.next()
    assert site.state.steps["test/iso"].progress is Progress.FAILED
    assert not site.state.temporaries
    assert site.world.plays == []


SHUT_IN = runbook(
    step(
        "iso",
        "kind: ansible\nrole: ops\nplay: isolate\nargs: {isolate_level: L3}\nurgent: true\ndanger: reversible\ntemporary: 1h\n"
        "approve: {role: owner, if_refused: {isolate_owner_agrees: true}}\non_fail: goto:cable\n"
        "undo: {play: isolate, args: {isolate_state: absent}}\nverify:\n  - probe: isolation.active",
    ),
    touch("between"),
    step(
        "cable",
        "kind: manual\nrole: ops\nwhen: iso.failed\nverify:\n  - person: loose",
        text="- [ ] Pull it.",
    ),
)
NO = Played(
    good=False,
    changed=0,
    output="",
    refused="Refused: mx1 is the last that takes mail for a.example; nothing was changed.",
)
YES = Played(good=True, changed=2, output="ok")


def test_a_playbook_that_refuses_runs_again_once_the_owner_has_agreed_to_that_very_refusal(tmp_path):
    site = Site(tmp_path, SHUT_IN)
    site.world.played = [NO, YES]
    assert site.next() == ("iso", Progress.OK)
    assert [extra.get("isolate_owner_agrees") for _play, extra, _check in site.world.plays] == [None, True]
    assert f"  {NO.refused}" in site.said
    (given,) = site.state.approvals
    (kept,) = (site.folder / "ev").glob("*-iso.refused")
    assert kept.read_text() == f"{NO.refused}\n"
    assert (given.step, given.by, given.preview) == (
        "test/iso",
        "bo",
        hashlib.sha256(kept.read_bytes()).hexdigest(),
    )
    assert list(site.state.temporaries) == ["test/iso"]
    assert site.next() == ("between", Progress.OK)


def test_without_the_owner_nothing_is_done_nothing_is_temporary_and_nobody_is_sent_to_the_cable(tmp_path):
    site = Site(tmp_path, SHUT_IN, {"iso": {"approve": {"agreed": False}}})
    site.world.played = [NO]
    assert site.next() == ("iso", Progress.FAILED)
    assert len(site.world.plays) == 1
    assert (
        site.state.steps["test/iso"].reason == f"{NO.refused} (OWNER does not agree to iso; nothing was done)"
    )
    assert not site.state.temporaries
    assert "jump" not in site.kinds
    assert site.next() == ("iso", Progress.FAILED), "it is offered again"
    with site.incident() as incident:
        engine = site.engine(incident)
        engine.skip(engine.desk.book.find("iso"), "the owner keeps it on the net")
    assert site.run_all() == [("between", Progress.OK)]


def test_agreeing_to_one_refusal_is_not_agreeing_to_another(tmp_path):
    other = Played(good=False, changed=0, output="", refused="Refused: mx1 answers the names of others.")
    site = Site(tmp_path, SHUT_IN)
    site.world.played = [NO, Played(good=False, changed=0, output="fatal: [mx1]: unreachable"), other]
    assert site.next() == ("iso", Progress.FAILED)
    site.answers["iso"] = {"approve": {"agreed": False}}
    with site.incident() as incident:
        engine = site.engine(incident)
        assert engine.run(engine.desk.book.find("iso")).result is Progress.FAILED
    assert site.state.steps["test/iso"].reason.startswith("Refused: mx1 answers the names of others.")
    assert len(site.world.plays) == 3


def test_a_refusal_that_nobody_may_overrule_is_the_end_of_the_step(tmp_path):
    site = Site(
        tmp_path, SHUT_IN.replace("approve: {role: owner, if_refused: {isolate_owner_agrees: true}}\n", "")
    )
    site.world.played = [NO]
    assert site.next() == ("iso", Progress.FAILED)
    assert site.state.steps["test/iso"].reason == NO.refused
    assert "approval" not in site.kinds


def test_a_plain_wait_and_an_approval_step(tmp_path):
    text = runbook(
        step("agree", "kind: approve\nrole: ic\napprove: {role: owner}"),
        step("pause", "kind: wait\nrole: ops\nfor: 60m"),
    )
    site = Site(tmp_path, text)
    assert site.next() == ("agree", Progress.OK)
    assert site.next() == ("pause", Progress.UNKNOWN)
    site.world.clock.seconds = 3600
    assert site.next() == ("pause", Progress.OK)
    assert site.state.approvals[0].by == "bo"


def test_the_findings_of_a_step_come_from_one_scan_and_only_the_one_that_failed_is_scanned_again(tmp_path):
    verify = "verify:\n  - finding: relay-closed\n  - finding: abuse-accepted\n    within: 30s\n"
    site = Site(tmp_path, runbook(step("closed", "kind: probe\nrole: ops\n" + verify)))
    site.world.scans["abuse-accepted"] = Outcome.unknown("421, too many connections")
    again = site.world.sleep

    def later(pause):
        again(pause)
        del site.world.scans["abuse-accepted"]

    site.world.sleep = later
    assert site.next() == ("closed", Progress.OK)
    assert site.world.scanned == [("relay-closed", "abuse-accepted"), ("abuse-accepted",)]


def test_a_verification_is_repeated_for_as_long_as_it_may_take(tmp_path):
    site = Site(
        tmp_path,
        runbook(step("slow", COMMAND + "verify:\n  - probe: unit.active\n    within: 30s", ("step", "true"))),
    )
    answers = [Outcome.failed("starting"), Outcome.unknown("?"), Outcome.ok()]
    site.world.probe = lambda *_args: answers.pop(0)
    assert site.next() == ("slow", Progress.OK)
    assert site.world.slept == 4
