"""Looking and concluding: what is left out, what counts again, what belongs to which target."""

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from auditor.discover import Target
from auditor.evidence.dns import HostAddresses
from auditor.evidence.mta import Mta, MtaDaemon, MtaRunning
from auditor.evidence.mta_package import MtaPackage
from auditor.evidence.system import Release
from auditor.judge import Evidence
from auditor.model import (
    AcceptedRisk,
    Declared,
    Domain,
    Host,
    Inconclusive,
    Moment,
    Options,
    Passed,
    Reason,
    SshTarget,
    Status,
    Verdict,
)
from auditor.net import CannotLook
from auditor.scan import Look, Request, UnknownTarget, scan
from tests.catalogue import _check, registry
from tests.report.scans import BEGUN
from tests.scripted import ScriptedNetwork, ScriptedStream

TABLE = {
    ("example.org", "MX"): ("10 mx1.example.org.", "20 mx2.example.org."),
    ("example.org", "TXT"): ("v=policy",),
    ("mx1.example.org", "A"): ("198.51.100.10",),
    ("mx2.example.org", "A"): ("198.51.100.11",),
}
WAY = SshTarget(host="mx1.example.org")
REQUEST = Request(targets=(Target("example.org"),), options=Options())


def scanned(table=TABLE, **changes):
    network = ScriptedNetwork(table, dial=lambda *_: ScriptedStream([b"220 go away\r\n"]))
    return asyncio.run(scan(replace(REQUEST, **changes), registry(), network))


def statuses(found):
    return {(f.check, f.subject): f.status.value for f in found.findings}


def test_a_host_without_a_way_in_is_not_failed_for_what_nobody_looked_at():
    found = scanned(targets=(Target("example.org", None, WAY),))
    assert statuses(found)["host-rested", "mx1.example.org"] == "unknown"  # the log-in was refused
    assert ("host-rested", "mx2.example.org") not in statuses(found)
    assert found.not_looked == (("mx2.example.org", 1),)


@pytest.mark.parametrize(
    ("where", "checks"),
    [
        (Look.EVERYWHERE, {"greeting-polite", "policy-present", "host-rested"}),
        (Look.OUTSIDE, {"greeting-polite", "policy-present"}),
        (Look.INSIDE, {"host-rested"}),
    ],
)
def test_looking_only_outside_or_inside_makes_only_those_checks(where, checks):
    found = scanned(targets=(Target("mx1.example.org", None, WAY),), look=where)
    assert {finding.check for finding in found.findings} == checks
    assert found.not_looked == ()


def test_every_subject_is_reported_once_under_the_first_target_that_named_it():
    found = scanned(targets=(Target("example.org"), Target("mx1.example.org")))
    assert [(t.target, [s.name for s in t.subjects]) for t in found.targets] == [
        ("example.org", ["example.org", "mx1.example.org", "mx2.example.org"]),
        ("mx1.example.org", []),
    ]
    assert len(statuses(found)) == len(found.findings)


def test_a_name_that_the_dns_denies_is_no_target():
    with pytest.raises(UnknownTarget, match="no such name"):
        scanned(targets=(Target("nowhere.example.net"),))


def test_a_name_about_which_the_dns_is_silent_is_scanned_and_unknown():
    silent = CannotLook(Reason.TIMEOUT, "no answer")
    table = {("quiet.example", kind): silent for kind in ("MX", "A", "AAAA", "SOA", "TXT")}
    found = scanned(table, targets=(Target("quiet.example"),))
    assert set(statuses(found).values()) <= {"unknown", "failed"}


def test_a_way_into_none_of_the_hosts_is_no_way_in():
    with pytest.raises(UnknownTarget, match="none of the mail hosts"):
        scanned(targets=(Target("example.org", None, SshTarget(host="other.example.net")),))


@pytest.mark.parametrize(("until", "counts"), [(date(2026, 11, 21), False), (date(2026, 11, 20), True)])
def test_an_accepted_risk_holds_to_the_end_of_its_last_day_and_then_counts_again(until, counts):
    risk = AcceptedRisk(check="greeting-polite", reason="being replaced", until=until)
    found = scanned(targets=(Target("mx1.example.org", Declared(accepted_risks=(risk,))),))
    (finding,) = (f for f in found.findings if f.check == "greeting-polite")
    assert finding.status is Status.FAILED
    assert (finding.accepted is None) is counts
    assert bool(found.remarks) is counts


def test_an_accepted_risk_does_not_hide_what_could_not_be_seen():
    risk = AcceptedRisk(check="host-rested", reason="x", until=date(2027, 1, 1))
    found = scanned(targets=(Target("mx1.example.org", Declared(accepted_risks=(risk,)), WAY),))
    (finding,) = (f for f in found.findings if f.check == "host-rested")
    assert (finding.status, finding.accepted) == (Status.UNKNOWN, None)


def sheet_shown(domain: Domain) -> Verdict:
    if not domain.declared.contacts:
        return Inconclusive("nobody is named", Reason.NOT_DECLARED)
    return Passed("somebody is named")


def asked_of_the_operator(*contacts, **changes):
    known = registry()
    question = _check("sheet-shown", sheet_shown, asks="mail_contacts")
    asking = replace(known, checks={**known.checks, question.id: question})
    targets = (Target("mx1.example.org", Declared(domains=("example.org",), contacts=contacts)),)
    request = replace(REQUEST, targets=targets, **changes)
    network = ScriptedNetwork(TABLE, dial=lambda *_: ScriptedStream([b"220 go away\r\n"]))
    return asyncio.run(scan(request, asking, network))


def test_what_only_the_operator_knows_is_a_question_to_him_and_neither_fine_nor_unknown():
    found = asked_of_the_operator()
    assert "sheet-shown" not in {finding.check for finding in found.findings}
    assert [(q.check, q.subject, q.variable) for q in found.questions] == [
        ("sheet-shown", "example.org", "mail_contacts")
    ]


def test_a_question_that_the_inventory_answers_is_a_finding():
    found = asked_of_the_operator(("owner", "+46 8 000"))
    assert statuses(found)["sheet-shown", "example.org"] == "passed"
    assert found.questions == ()


def test_a_question_that_was_asked_by_name_and_has_no_answer_is_unknown():
    found = asked_of_the_operator(only=("sheet-shown",))
    assert statuses(found)["sheet-shown", "example.org"] == "unknown"
    assert found.questions == ()


def test_a_host_is_described_by_what_was_seen_of_it():
    found = scanned(targets=(Target("198.51.100.10"),))
    host = Host(name="mx1.example.org")
    seen = {
        (Host, host.name, HostAddresses): HostAddresses(v4=("198.51.100.10",), v6=("2001:db8::10",)),
        (Host, host.name, MtaRunning): MtaRunning(
            daemons=(MtaDaemon(mta=Mta.POSTFIX, pid=1, command="master"),)
        ),
    }
    described = replace(
        found, record=replace(found.record, evidence=Evidence((host,), Options(), Moment(BEGUN), seen))
    )
    assert described.addresses(host) == ("198.51.100.10", "2001:db8::10")
    assert described.mta(host) == "postfix"
    package = MtaPackage(
        mta=Mta.POSTFIX, program="/master", package="postfix", version="3.7.11-0+deb12u1", maintainer="x"
    )
    more = {
        **seen,
        (Host, host.name, MtaPackage): package,
        (Host, host.name, Release): Release(id="debian", version="12", name="Debian GNU/Linux 12"),
    }
    named = replace(
        described, record=replace(found.record, evidence=Evidence((host,), Options(), Moment(BEGUN), more))
    )
    assert (named.mta(host), named.release(host)) == ("postfix 3.7.11", "Debian GNU/Linux 12")
    assert (described.mta_package(host), described.release(host)) == (None, None)
    assert found.addresses(host) == ()
    assert found.mta(host) is None
