"""Every runbook followed from `open` to its last step, on every platform, by a script instead of a person."""

from pathlib import Path

import pytest

from auditor.runbook import library
from auditor.runbook.book import collect
from auditor.runbook.desk import Desk
from auditor.runbook.engine import Engine
from auditor.runbook.format import Kind
from auditor.runbook.incident import Incident, create
from auditor.runbook.opening import Occasion, begin
from auditor.runbook.operator import Questions, Scripted
from auditor.runbook.spread import on_each_host
from auditor.runbook.state import Progress
from auditor.runbook.vocabulary import MTAS
from auditor.transport.remote import Ran
from tests.runbook.fake_world import ANNA, EVERYTHING, FakeWorld
from tests.runbooks.test_books import BOOKS, NAMES

QUEUE_ID = b"4bT2Xk1zqPz9rK1\n"
SAMPLES = {
    "address": "canary@example.test",
    "user": "alice",
    "ip": "203.0.113.66",
    "host": "relay.example.net",
    "domain": "example.com",
    "int": "3",
    "line": "noted",
    "path": "/srv/restored",
    "text": "noted",
    "optional-time": "2026-11-20 03:10",
}


class Obliging:
    """A host on which every command succeeds and every preview finds one message; nothing is run."""

    def __init__(self):
        self.texts = []

    def run(self, program, *, limit=10_000_000, sink=None):
        self.texts.append(program.text)
        if sink is not None:
            sink(QUEUE_ID)
        return Ran(exit=0, stdout=b"" if sink else QUEUE_ID[:limit], stderr=b"")

    def close(self):
        pass


def script(book):
    """An answer to everything the steps of a book may ask; decisions go on inside the book where they can."""
    answers = {name: dict(value) for name, value in EVERYTHING.items()}
    answers["*"] |= {f"person-{number}": True for number in range(1, 9)} | {"applies": True}
    answers["vars"] = {name: SAMPLES[variable.type] for name, variable in book.variables().items()}
    for step in book.steps:
        wanted = {name: SAMPLES[asked.type] for name, asked in step.questions().items()}
        inside = [name for name, option in step.words.options.items() if option.runbook is None]
        if inside:
            wanted["choose"] = inside[0]
        answers[step.id] = wanted
    return answers


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)


def follow(tmp_path: Path, name: str, mta: str, debian: int, hosts: tuple[str, ...] = ()):
    world = FakeWorld(tmp_path)
    world.remote = Obliging()
    book = collect([name], BOOKS, hosts)
    facts = {
        "mta": mta, "debian": str(debian), "units": f"{mta}.service", "have_credentials": "yes", "dovecot": "yes",
        "mail_canary": "canary@example.test",
    }  # fmt: skip
    said, ended = [], []
    with Incident(create(tmp_path / "incidents", world.clock), world.clock, ANNA) as incident:
        begin(
            incident,
            book,
            Occasion(
                runbook=name, title=book.runbooks[name].front.title, host="mx1", values=facts,
                hosts={host: {"host": host} for host in hosts},
            ),
        )  # fmt: skip
        worlds = dict.fromkeys(hosts, world)
        engine = Engine(
            Desk(incident, book, world, Questions(Scripted(script(book), said.append)), worlds=worlds)
        )
        for _ in range(200):
            step = engine.next_step()
            if step is None:
                break
            outcome = engine.run(step)
            ended.append((step.name, outcome.result))
            if outcome.result is not Progress.OK and step.words.kind is not Kind.WAIT:
                raise AssertionError(f"{step.id}: {outcome.detail}\n" + "\n".join(said[-15:]))
            world.clock.seconds += 60 if outcome.result is Progress.OK else 6 * 3600
        left = dict(incident.state.temporaries)
    return ended, left, world


PLATFORMS = [(mta, debian) for debian in (12, 13) for mta in MTAS]
TURNS = [(name, *PLATFORMS[turn % len(PLATFORMS)]) for turn, name in enumerate(sorted(NAMES - {"frame"}))]


@pytest.mark.parametrize(("name", "mta", "debian"), TURNS)
def test_a_runbook_can_be_followed_to_its_end(tmp_path, name, mta, debian):
    ended, _left, world = follow(tmp_path, name, mta, debian)
    last = dict(ended)
    assert ended[0][0] == "frame-declare"
    assert {last["frame-watch-period"], last["frame-retrospective"]} == {Progress.OK}
    assert [text for text in world.remote.texts if "{{" in text] == []


@pytest.mark.parametrize(
    "name", sorted(one.id for one in library.every(BOOKS) if one.front.targets in {"serial", "all"})
)
def test_a_runbook_for_several_hosts_can_be_followed_on_two(tmp_path, name):
    hosts = ("mx1", "mx2")
    ended, left, _world = follow(tmp_path, name, "postfix", 13, hosts)
    last = dict(ended)
    assert left == {}
    assert set(last.values()) == {Progress.OK}
    spread = {step.id for step in collect([name], BOOKS).steps if on_each_host(step)} & {
        one.partition("@")[0] for one in last
    }
    assert spread
    for step in spread:
        assert {f"{step}@{host}" for host in hosts} <= set(last), step
    assert last["frame-retrospective"] is Progress.OK


@pytest.mark.parametrize("mta", MTAS)
def test_an_open_relay_ends_with_no_temporary_measure_left(tmp_path, mta):
    ended, left, world = follow(tmp_path, "open-relay", mta, 12)
    assert left == {}
    assert [play for play, extra, _check in world.plays if extra.get("isolate_state") == "absent"] == [
        "isolate"
    ]
    done = [step for step, _result in ended]
    assert done.index("copy") < done.index("purge") < done.index("release")
