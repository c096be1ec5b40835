from dataclasses import dataclass

import pytest

from auditor.judge import Evidence, judge, judge_all
from auditor.model import (
    ByHand,
    Domain,
    Failed,
    Host,
    Inconclusive,
    Moment,
    NotApplicable,
    Options,
    Passed,
    PerHost,
    Reason,
    Severity,
    Status,
    Unavailable,
    Verdict,
)
from auditor.registry import Registry, Source, read_need
from tests.catalogue import Greeting, Policy, Uptime, _check, registry
from tests.report.scans import BEGUN

HOST = Host(name="mx1.example.org")
OTHER = Host(name="mx2.example.org")
DOMAIN = Domain(name="example.org", hosts=("mx1.example.org", "mx2.example.org"))
REGISTRY = registry()


def evidence(**pieces):
    """greeting=, uptime= of the first host; policy= of the domain."""
    kinds = {"greeting": (Host, HOST.name, Greeting), "uptime": (Host, HOST.name, Uptime)}
    kinds["policy"] = (Domain, DOMAIN.name, Policy)
    found = {kinds[name]: piece for name, piece in pieces.items()}
    return Evidence((DOMAIN, HOST, OTHER), Options(), Moment(BEGUN), found)


def judged(name, seen, *, by=REGISTRY, subject=HOST):
    return judge(by.checks[name], subject, by, seen)


def single(verdict) -> Registry:
    """A registry whose only check gives this verdict, or raises it."""

    def given(greeting: Greeting) -> Verdict:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    return Registry(checks={"only": _check("only", given)}, sources=REGISTRY.sources)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("name", ["greeting-polite", "host-rested"])
def test_evidence_that_could_not_be_had_is_unknown_with_its_reason_and_nothing_else(reason, name):
    gone = Unavailable(reason, "because")
    finding = judged(name, evidence(greeting=gone, uptime=gone))
    assert (finding.status, finding.reason, finding.summary) == (Status.UNKNOWN, reason, "because")


def test_evidence_that_was_never_collected_is_unknown_too():
    finding = judged("greeting-polite", evidence())
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.NOT_ASKED)


SEEN = ({"line": 1},)


@pytest.mark.parametrize(
    ("verdict", "status", "reason", "observed"),
    [
        (Passed("fine", SEEN), Status.PASSED, None, SEEN),
        (Failed("bad", SEEN), Status.FAILED, None, SEEN),
        (NotApplicable("takes no mail"), Status.NOT_APPLICABLE, None, ()),
        (Inconclusive("greylisted", Reason.GREYLISTED, SEEN), Status.UNKNOWN, Reason.GREYLISTED, SEEN),
    ],
)
def test_each_verdict_becomes_its_status(verdict, status, reason, observed):
    finding = judged("only", evidence(greeting=Greeting(text="220")), by=single(verdict))
    assert (finding.status, finding.reason, finding.observed) == (status, reason, observed)
    assert finding.summary == verdict.summary


def test_a_failure_may_be_worse_than_usual_and_need_a_person():
    verdict = Failed("bad", severity=Severity.CRITICAL, by_hand="Ask the provider.")
    finding = judged("only", evidence(greeting=Greeting(text="220")), by=single(verdict))
    assert (finding.severity, finding.remedy) == (Severity.CRITICAL, ByHand("Ask the provider."))


@pytest.mark.parametrize(
    "bug",
    [KeyError("x"), RecursionError(), AssertionError("no"), UnicodeDecodeError("utf-8", b"", 0, 1, "x")],
)
def test_a_bug_in_one_check_is_a_crash_with_its_trace_and_hides_no_other_finding(bug):
    broken = single(bug)
    both = Registry(checks={**broken.checks, **REGISTRY.checks}, sources=REGISTRY.sources)
    seen = evidence(greeting=Greeting(text="220 hello"))
    findings = judge_all([both.checks["only"], both.checks["greeting-polite"]], both, seen)
    by_check = {finding.check: finding for finding in findings if finding.subject == HOST.name}
    assert by_check["only"].status is Status.CRASH
    assert type(bug).__name__ in (by_check["only"].trace or "")
    assert by_check["greeting-polite"].status is Status.PASSED


def test_a_check_is_asked_about_subjects_of_its_kind_only():
    findings = judge_all(REGISTRY.select(), REGISTRY, evidence())
    assert {(f.check, f.subject_kind, f.subject) for f in findings} == {
        ("policy-present", "domain", "example.org"),
        ("greeting-polite", "host", "mx1.example.org"),
        ("greeting-polite", "host", "mx2.example.org"),
        ("host-rested", "host", "mx1.example.org"),
        ("host-rested", "host", "mx2.example.org"),
    }


def test_the_relation_of_a_domain_to_its_hosts_has_one_entry_for_each_of_them():
    got = []

    def compared(greetings: PerHost[Greeting]) -> Verdict:
        got.extend(greetings.found)
        return Passed("same")

    both = Registry(checks={"only": _check("only", compared)}, sources=REGISTRY.sources)
    judged("only", evidence(greeting=Greeting(text="220")), by=both, subject=DOMAIN)
    assert got == [
        ("mx1.example.org", Greeting(text="220")),
        ("mx2.example.org", Unavailable(Reason.NOT_ASKED, "Greeting was not collected")),
    ]


def test_an_author_who_can_do_with_less_gets_the_absence_itself():
    got = []

    def lenient(host: Host, greeting: Greeting | Unavailable, options: Options, moment: Moment) -> Verdict:
        got.extend((host, greeting, options, moment))
        return NotApplicable("seen")

    lone = Registry(checks={"only": _check("only", lenient)}, sources=REGISTRY.sources)
    gone = Unavailable(Reason.REFUSED, "closed")
    assert judged("only", evidence(greeting=gone), by=lone).status is Status.NOT_APPLICABLE
    assert got == [HOST, gone, Options(), Moment(BEGUN)]


@dataclass(frozen=True)
class Unheard:
    """Evidence that nothing gives."""


def test_a_source_reads_what_it_needs_off_its_annotations():
    need = read_need(Greeting | Unavailable)
    assert (need.kind, need.optional, need.per_host) == (Greeting, True, False)
    assert Source(give=lambda: None, gives=Unheard, subject=Host, needs=(need,)).late is False
