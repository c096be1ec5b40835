import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

import auditor.probes
from auditor import registry as rooms
from auditor.inside.command import Command, Output, reads
from auditor.model import Domain, Host, Options, Passed, PerHost, Severity, Unavailable, Verdict
from auditor.net import Network
from auditor.registry import Registry, WiringError, _read_source, _reject_cycles, load, read_need
from tests.catalogue import Greeting, Policy, Uptime, _check, registry

LS = Command(id="ls", argv=("ls",))


@dataclass(frozen=True)
class A:
    """Evidence."""


@dataclass(frozen=True)
class B:
    """Evidence."""


@pytest.mark.parametrize("annotation", [A | B, A | B | Unavailable, "A", None, 3, tuple[A, ...]])
def test_an_annotation_that_is_no_evidence_is_refused(annotation):
    with pytest.raises(WiringError):
        read_need(annotation)


def test_an_annotation_says_whether_absence_is_acceptable_and_whether_each_host_is_meant():
    assert read_need(A).optional is False
    assert read_need(Unavailable | A).optional is True
    assert read_need(PerHost[A]).per_host is True
    assert read_need(PerHost[A]).kind is A


def test_a_probe_without_a_subject_is_refused():
    async def lost(network: Network) -> A:
        return A()

    with pytest.raises(WiringError, match="takes the Host or the Domain"):
        _read_source(lost)


def test_a_reader_takes_one_output_for_each_command():
    @reads(LS, LS)
    def one(output: Output) -> A:
        return A()

    with pytest.raises(WiringError, match="one Output parameter per command"):
        _read_source(one)


def test_a_probe_of_a_domain_that_also_wants_hosts_is_about_the_domain():
    async def related(domain: Domain, seen: PerHost[A], network: Network) -> B:
        return B()

    assert _read_source(related).subject is Domain


def source(gives, *needs):
    @reads(LS)
    def reader(output: Output) -> A:
        return A()

    found = _read_source(reader)
    changed = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return rooms.Source(**{**changed, "gives": gives, "needs": tuple(map(read_need, needs))})


def test_evidence_in_a_circle_is_refused():
    with pytest.raises(WiringError, match="circle"):
        _reject_cycles({A: source(A, B), B: source(B, A)})


def test_evidence_that_nothing_gives_is_refused():
    with pytest.raises(WiringError, match="nothing gives"):
        _reject_cycles({A: source(A, B)})


def room(monkeypatch, package, name, **content):
    """Puts one module of this content into a room, alone."""
    module = ModuleType(f"{package.__name__}.{name}")
    for key, value in content.items():
        setattr(module, key, value)
        if hasattr(value, "__module__") and callable(value):
            value.__module__ = module.__name__
    monkeypatch.setitem(sys.modules, module.__name__, module)
    real = rooms._modules

    def modules(asked):
        yield from (module,) if asked is package else () if asked is not auditor.checks else real(asked)

    monkeypatch.setattr(rooms, "_modules", modules)
    return module


def test_two_sources_of_one_kind_are_refused(monkeypatch):
    async def first(host: Host, network: Network) -> A:
        return A()

    async def second(host: Host, network: Network) -> A:
        return A()

    room(monkeypatch, auditor.probes, "twice", first=first, second=second)
    with pytest.raises(WiringError, match="two sources give A"):
        load.__wrapped__()


def test_a_check_whose_evidence_nothing_gives_is_refused_at_start(monkeypatch):
    def judge(a: A) -> Verdict:
        return Passed("x")

    room(monkeypatch, auditor.checks, "lonely", CHECK=_check("lonely", judge))
    with pytest.raises(WiringError, match="lonely needs A, which nothing gives"):
        load.__wrapped__()


def test_a_check_about_hosts_and_domains_at_once_is_refused():
    def judge(policy: Policy, greeting: Greeting) -> Verdict:
        return Passed("x")

    with pytest.raises(WiringError, match=r"\['Domain', 'Host'\] in one check"):
        registry().subject_of(_check("mixed", judge))


def test_a_check_about_nobody_is_refused():
    def judge(options: Options) -> Verdict:
        return Passed("x")

    with pytest.raises(WiringError, match=r"\[\] in one check"):
        registry().subject_of(_check("nobody", judge))


def ids(checks):
    return [check.id for check in checks]


def test_checks_are_chosen_by_id_by_family_and_by_severity_worst_first():
    known = registry()
    assert ids(known.select()) == ["greeting-polite", "policy-present", "host-rested"]
    assert ids(known.select(only=["spf", "host-rested"])) == ["policy-present", "host-rested"]
    assert ids(known.select(skip=["smtp"])) == ["policy-present", "host-rested"]
    assert ids(known.select(minimum=Severity.HIGH)) == ["greeting-polite", "policy-present"]


@pytest.mark.parametrize("words", [{"only": ["nonsense"]}, {"skip": ["nonsense"]}])
def test_a_word_that_names_nothing_is_an_error_and_not_an_empty_choice(words):
    with pytest.raises(KeyError, match="nonsense"):
        registry().select(**words)


def test_a_check_looks_inside_when_it_cannot_be_answered_otherwise():
    known = registry()
    assert known.looks_inside(known.checks["host-rested"])
    assert not known.looks_inside(known.checks["greeting-polite"])

    def lenient(greeting: Greeting, uptime: Uptime | Unavailable) -> Verdict:
        return Passed("x")

    assert not known.looks_inside(_check("lenient", lenient))


def test_the_real_rooms_are_wired():
    known = load()
    assert known.checks
    assert all(name == check.id for name, check in known.checks.items())
    for check in known.checks.values():
        assert known.subject_of(check) in (Host, Domain)
        assert all(need.kind in known.sources or need.kind in rooms.GIVEN for need in known.needs(check))


def test_a_registry_of_nothing_selects_nothing():
    assert Registry(checks={}, sources={}).select() == ()


def test_the_ids_of_all_checks_are_known_without_importing_any():
    assert rooms.check_ids() == frozenset(load().checks)
