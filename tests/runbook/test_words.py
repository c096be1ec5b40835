"""Values, conditions, timers and the text that is shown: the small parts that everything else relies on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.runbook.book import collect
from auditor.runbook.clock import Instant
from auditor.runbook.condition import BadCondition, holds, names, parse
from auditor.runbook.display import escaped, lines_shown, shown
from auditor.runbook.format import Variable
from auditor.runbook.operator import NoAnswer, Questions, Scripted, fitting
from auditor.runbook.shell import program
from auditor.runbook.timers import timers
from auditor.runbook.values import NotThatType, check, seconds, type_names
from auditor.runbook.waiting import spoken
from tests.runbook.fake_world import Site, runbook, step


@pytest.mark.parametrize(
    ("type_name", "good", "canonical"),
    [
        ("int", "007", "7"), ("bool", "Y", "yes"), ("bool", "false", "no"), ("ip", "2001:DB8::1", "2001:db8::1"),
        ("time", "2026-11-21 03:10", "2026-11-21T03:10:00Z"), ("time", "2026-11-21T03:10+01:00", "2026-11-21T02:10:00Z"),
        ("cidr", "192.0.2.7/24", "192.0.2.0/24"), ("cidrs", "192.0.2.0/24, 2001:db8::/32", "192.0.2.0/24 2001:db8::/32"),
        ("host", "mx1.example.org", "mx1.example.org"), ("address", "a+b@example.org", "a+b@example.org"),
        ("user", "alice@example.org", "alice@example.org"), ("queue-id", "1xUsKy-000000004lr-3UnK", "1xUsKy-000000004lr-3UnK"),
        ("queue-id", "1xUsKd-0004es-1m", "1xUsKd-0004es-1m"), ("queue-id", "6ALLAnsN023289", "6ALLAnsN023289"),
        ("queue-id", "4g2X0k6qJzz1xN", "4g2X0k6qJzz1xN"), ("duration", "15m", "15m"), ("path", "/var/spool/postfix", "/var/spool/postfix"),
        ("port", "025", "25"), ("text", "two\nlines", "two\nlines"), ("line", "one", "one"),
    ],
)  # fmt: skip
def test_a_value_of_its_type_is_taken_in_its_canonical_spelling(type_name, good, canonical):
    assert check(type_name, good) == canonical


@pytest.mark.parametrize(
    ("type_name", "bad"),
    [
        ("int", "1e3"), ("bool", "maybe"), ("ip", "300.1.1.1"), ("cidr", "everything"), ("time", "last night"), ("time", "-1"), ("cidrs", ""), ("host", "-x.example"), ("host", "a b"),
        ("address", "-d@example.org"), ("address", "a b@example.org"), ("address", "a@b@c"), ("user", "-rf"), ("user", "a;b"),
        ("queue-id", "ALL;"), ("queue-id", "-d"), ("queue-id", "ABC"), ("queue-id", "ABCDEF\n"), ("duration", "15"), ("path", "etc"),
        ("path", "/a b"), ("port", "0"), ("port", "65536"), ("line", "a\nb"), ("text", "\x1b[2J"), ("line", "a\x00"), ("queue-id", "\uff21\uff22\uff23\uff24\uff25\uff26"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_its_text_escaped(type_name, bad):
    with pytest.raises(NotThatType) as caught:
        check(type_name, bad)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    text=st.text(max_size=60),
    type_name=st.sampled_from(sorted(set(type_names) - {"text", "line", "choice", "file", "optional-file"})),
)
def test_no_typed_value_begins_with_a_dash_or_holds_what_a_shell_or_terminal_obeys(text, type_name):
    try:
        value = check(type_name, text)
    except NotThatType:
        return
    assert type_name == "int" or not value.startswith("-")
    assert not set(value) & set('\n\r\x00\x1b;"<>()')


@given(st.text(max_size=200))
def test_nothing_that_is_shown_can_steer_a_terminal(text):
    assert all(char.isprintable() for char in escaped(text) + shown(text))
    assert all(char.isprintable() for line in lines_shown(text) for char in line)


def test_long_output_is_cut_and_says_so():
    assert lines_shown("x\n" * 100, most=3) == ["x", "x", "x", "… 97 more lines, in the evidence file"]


FACTS = {"mta": "postfix", "debian": "12", "hold.ok": True, "hold.failed": False, "dovecot": "no"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mta == 'postfix'", True), ("mta != 'postfix'", False), ("debian == 12", True), ("debian in [12, 13]", True),
        ("mta not in ['exim4']", True), ("hold.ok and not hold.failed", True), ("dovecot", False), ("not dovecot or unknown", True),
        ("unknown", None), ("not unknown", None), ("unknown and hold.failed", False), ("unknown or hold.ok", True), ("unknown and hold.ok", None),
        ("(hold.failed or hold.ok) and debian == 12", True), ("hold.ok == true", True), ("unknown == 'x'", None),
    ],
)  # fmt: skip
def test_conditions_have_three_values(text, value):
    assert holds(parse(text), FACTS.get) is value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "and",
        "mta ==",
        "mta = 'x'",
        "(mta",
        "mta in 'x'",
        "mta in [",
        "mta 'x'",
        "mta not",
        "a b",
        "1 == mta",
        "mta == and",
    ],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(BadCondition):
        parse(text)


def test_the_names_of_a_condition_are_known():
    assert names(parse("not (a.ok and b in [1]) or c == 'x'")) == {"a.ok", "b", "c"}


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("15m", 900), ("24h", 86400), ("3d", 259200)])
def test_durations_are_read_and_spoken(text, value):
    assert seconds(text) == value
    assert spoken(value) in {"1 min", "15 min", "1 d 0 h", "3 d 0 h"}


@pytest.mark.parametrize(
    ("left", "text"), [(40, "40 s"), (-700, "-11 min"), (37200, "10 h 20 min"), (100000, "1 d 3 h")]
)
def test_time_left_is_spoken(left, text):
    assert spoken(left) == text


def test_bounds_and_choices_are_held():
    assert fitting(Variable(type="duration", min="5m", max="60m"), "15m") == "15m"
    for variable, bad in (
        (Variable(type="duration", min="5m"), "1m"),
        (Variable(type="int", max=3), "4"),
        (Variable(type="choice", choices=("a",)), "b"),
    ):
        with pytest.raises(NotThatType):
            fitting(variable, bad)


def test_a_script_is_asked_once_and_a_person_again():
    class Person:
        def __init__(self, *answers):
            self.answers, self.said = list(answers), []

        def say(self, text):
            self.said.append(text)

        def answer(self, key, question, default):
            return self.answers.pop(0)

    person = Person("soon", "15m")
    assert Questions(person).typed("x.y", "How long", Variable(type="duration", required=True)) == "15m"
    assert "is not a duration" in person.said[0]
    with pytest.raises(NoAnswer):
        Questions(Scripted({"x": {"y": "soon"}}, lambda _text: None)).typed(
            "x.y", "How long", Variable(type="duration", required=True)
        )


def test_what_is_not_required_may_stay_empty():
    assert (
        Questions(Scripted({}, lambda _text: None)).typed("x.photo", "Photo", Variable(type="optional-file"))
        == ""
    )


def test_values_become_positional_parameters_in_one_fixed_order():
    text, args = program("echo {{ b }} {{ a }} {{ b }}", {"a": "$(id)", "b": "two"})
    assert args == ("$(id)", "two")
    assert 'echo "${b}" "${a}" "${b}"' in text
    assert "$(id)" not in text


def test_timers_tell_what_is_due_and_what_is_overdue(tmp_path):
    hold = step(
        "hold",
        "kind: command\nrole: ops\ndanger: reversible\ntemporary: 4h\nverify:\n  - shell: true",
        ("step", "true"),
        ("verify", "true"),
        ("undo", "true"),
    )
    tell = step("tell", "kind: comms\nrole: comms\ntemplate: COM-1\nwithin: 15m\nevery: 30m")
    watch = step("watch", "kind: wait\nrole: ops\nrecheck: [1h]\nverify:\n  - probe: queue.held")
    site = Site(tmp_path, runbook(hold, tell, watch, more="deadline: 24h\nisolate_within: 5m\n"))

    def due():
        book = collect(["test"], site.books)
        return {timer.name: round(timer.left) for timer in timers(book, site.state, site.world.clock.now())}

    site.world.clock.seconds = 60
    assert due() == {"deadline": 86340, "isolate": 240, "comms:test/tell": 840}
    site.next()
    assert due() == {"deadline": 86340, "comms:test/tell": 840, "temporary:test/hold": 14400}
    site.next()
    site.next()
    site.world.clock.seconds = 60 + 14500
    assert due() == {
        "deadline": 71840,
        "comms:test/tell": -12700,
        "temporary:test/hold": -100,
        "wait:test/watch": -10900,
    }


def test_an_isolation_that_nobody_confirmed_is_counted_down(tmp_path):
    shut = (
        "kind: ansible\nrole: ops\nplay: isolate\nurgent: true\ndanger: reversible\n"
        "dead_man: {after: 15m, unless: confirm, what: SSH opens}\nundo: {manual: Take it back.}\nverify:\n  - probe: ssh.alive"
    )
    confirm = "kind: ansible\nrole: ops\nplay: isolate\nurgent: true\nverify:\n  - probe: ssh.alive"
    site = Site(tmp_path, runbook(step("shut", shut), step("confirm", confirm)))
    book = collect(["test"], site.books)

    def due():
        found = timers(book, site.state, site.world.clock.now())
        return {one.what: round(one.left) for one in found if one.name.startswith("dead-man")}

    assert due() == {}
    site.next()
    site.world.clock.seconds = 60
    assert due() == {"SSH opens, unless confirm is done": 840}
    site.next()
    assert due() == {}


@pytest.mark.parametrize(("mta", "days"), [("postfix", 4), ("exim4", 3), ("opensmtpd", 3), ("sendmail", 4)])
def test_held_mail_has_a_day_left_before_it_goes_back_to_forged_senders(tmp_path, mta, days):
    words = (
        "kind: command\nrole: ops\ndanger: reversible\ntemporary: 14d\nverify:\n  - probe: {}",
        ("step", "true"),
        ("undo", "true"),
    )
    texts = [
        step(name, words[0].format(probe), *words[1:])
        for name, probe in (("hold", "queue.held"), ("limit", "port.open"))
    ]
    site = Site(tmp_path, runbook(*texts))
    with site.incident() as incident:
        incident.record("values", data={"values": {"mta": mta}})
    site.run_all()
    site.world.clock.seconds = 3600
    book = collect(["test"], site.books)
    due = {one.name: round(one.left) for one in timers(book, site.state, site.world.clock.now())}
    assert due["returns:test/hold"] == days * 86400 - 3600
    assert "returns:test/limit" not in due, "it keeps no mail in"
    with site.incident() as incident:
        engine = site.engine(incident)
        engine.undo(engine.desk.book.find("hold"))
    assert not [
        one for one in timers(book, site.state, site.world.clock.now()) if one.name.startswith("returns")
    ]


def test_no_timer_runs_in_a_closed_incident(tmp_path):
    site = Site(tmp_path, runbook(step("one", "kind: probe\nrole: ops\nverify:\n  - probe: queue.held")))
    site.run_all()
    with site.incident() as incident:
        site.engine(incident).close()
    now = Instant(utc="2026-11-22T00:00:00Z", mono_ns=10**15, boot="test")
    assert timers(collect(["test"], site.books), site.state, now) == []
