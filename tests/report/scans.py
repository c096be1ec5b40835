"""Scans whose findings are written down: every status, every kind of remedy, hostile text."""

from datetime import UTC, datetime, timedelta

from auditor.judge import Evidence
from auditor.model import (
    ByHand,
    Domain,
    Family,
    Finding,
    Host,
    Moment,
    Options,
    Playbook,
    Reason,
    Severity,
    Status,
)
from auditor.scan import Look, OpenQuestion, Record, Scan, TargetFindings, Vantage

BEGUN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVIL = "\x1b]0;owned\x07\x1b[2J[bold]<script>alert(1)</script>|`|\u202e\n\r\x00"


def finding(check, status=Status.FAILED, **changes):
    described = {
        "check": check,
        "title": "Mail for strangers is refused",
        "family": Family.RELAY,
        "subject_kind": "host",
        "subject": "mx1.example.org",
        "status": status,
        "severity": Severity.CRITICAL,
        "summary": "RCPT for a foreign address was accepted on port 25 over IPv4",
        "remedy": Playbook("close-relay"),
        "runbook": "open-relay",
        "references": ("RFC 5321 section 7.9",),
    }
    if status is Status.UNKNOWN:
        described |= {"reason": Reason.TIMEOUT, "summary": "198.51.100.10 port 25: no answer in 30 s"}
    if status is Status.CRASH:
        described |= {"trace": "Traceback (most recent call last):\nKeyError: 'x'\n"}
    return Finding(**(described | changes))


def scan(*findings, not_looked=(), questions=(), remarks=()):
    host = Host(name="mx1.example.org", addresses=("198.51.100.10",), domains=("example.org",))
    domain = Domain(name="example.org", hosts=("mx1.example.org",))
    record = Record(
        started=BEGUN,
        finished=BEGUN + timedelta(seconds=4.2),
        vantage=Vantage(addresses=("203.0.113.10",), helo="probe.example.net"),
        look=Look.EVERYWHERE,
        checks=tuple(dict.fromkeys(f.check for f in findings)),
        asked_by_name=False,
        targets=(("example.org", ((Domain, "example.org"), (Host, "mx1.example.org"))),),
        evidence=Evidence((domain, host), Options(), Moment(BEGUN)),
    )
    target = TargetFindings(target="example.org", subjects=(domain, host), findings=findings)
    return Scan(record=record, targets=(target,), not_looked=not_looked, questions=questions, remarks=remarks)


FULL = scan(
    finding(
        "relay-closed", observed=tuple({"vector": f"R{n:02}", "reply": "250 2.1.5 Ok"} for n in range(6))
    ),
    finding(
        "reverse-dns-confirmed",
        family=Family.DNS,
        severity=Severity.HIGH,
        summary="198.51.100.10 has no name",
        remedy=ByHand("Ask the provider of 198.51.100.10 to set its PTR record to mx1.example.org."),
        runbook="destination-refuses",
    ),
    finding(
        "banner-discreet",
        family=Family.SMTP,
        severity=Severity.INFO,
        summary=f"the banner says {EVIL}",
        observed=({"banner": EVIL, "tls": False, "seconds": 1.5, "nothing": None},),
        remedy=Playbook("smtp-hygiene"),
        runbook="maintenance-round",
    ),
    finding(
        "dmarc-policy-enforced",
        family=Family.DMARC,
        severity=Severity.MEDIUM,
        subject="example.org",
        subject_kind="domain",
        summary="p=none",
        accepted="reports are being read first (until 2026-12-31)",
        remedy=Playbook("authentication-records"),
    ),
    finding("starttls-offered", Status.UNKNOWN, family=Family.TLS, severity=Severity.HIGH),
    finding("postmaster-accepted", Status.UNKNOWN, family=Family.ROLES, severity=Severity.HIGH),
    finding("mx-hosts-resolve", Status.PASSED, family=Family.DNS, summary="all do"),
    finding("null-mx-consistent", Status.NOT_APPLICABLE, family=Family.DNS, summary="takes mail"),
    finding("queue-healthy", Status.CRASH, family=Family.QUEUE, summary="this check crashed"),
    not_looked=(("mx1.example.org", 31),),
    questions=(
        OpenQuestion(
            check="contact-sheet-complete",
            subject="example.org",
            variable="mail_contacts",
            summary=f"no contacts are named {EVIL}",
        ),
    ),
    remarks=("accepted risk relay-closed on mx1.example.org ended on 2026-10-01: it counts again",),
)
