"""Zones on a real authoritative server, asked through a real validating resolver, as any admin's scan would."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dns_evidence import rsa
from tests.lab.laboratory import Lab

pytestmark = pytest.mark.lab
REPOSITORY = Path(__file__).parents[2]
ADDRESS = "198.51.100.230"
GOOD = [
    "@ NS ns1.good.example.",
    "@ NS ns2.good.example.",
    "@ MX 10 mx1",
    "@ MX 20 mx2",
    f"mx1 A {ADDRESS}",
    "mx2 A 198.51.100.231",
    '@ TXT "v=spf1 mx -all"',
    '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@good.example"',
    '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@good.example"',
]
WEAK = [
    "@ MX 10 alias",
    "alias CNAME mx1.good.example.",
    '@ TXT "v=spf1 include:nowhere.weak.example +all"',
    '_dmarc TXT "v=DMARC1; p=none"',
    '_dmarc TXT "v=DMARC1; p=reject"',
    '*._domainkey TXT "v=DKIM1; p="',
    "autoconfig CNAME old.gone-provider.example.",
]


def scan(lab: Lab, domain: str, *options: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Findings of everything that only the DNS is asked for, by subject and check."""
    families = ("spf", "dkim", "dmarc", "dns", "transport-policy", "reputation")
    skipped = ("helo-name-resolves", "mta-sts-covers-mx", "dane-matches", "dane-rollover-ready")
    command = [
        "env",
        f"PYTHONPATH={REPOSITORY}",
        sys.executable,
        "-m",
        "auditor",
        "scan",
        domain,
        "--outside-only",
    ]
    command += [word for family in families for word in ("--only", family)]
    command += [word for check in skipped for word in ("--skip", check)]
    done = lab.exec([*command, "--format", "json", "--dnsbl", "bl.example", *options])
    assert done.returncode in {0, 1, 3}, done.stderr
    return {(f["subject"], f["check"]): f for t in json.loads(done.stdout)["targets"] for f in t["findings"]}


def statuses(findings: dict[tuple[str, str], dict[str, Any]], wanted: str) -> set[str]:
    return {check for (_, check), finding in findings.items() if finding["status"] == wanted}


def in_strings(record: str) -> str:
    return " ".join(f'"{record[start : start + 250]}"' for start in range(0, len(record), 250))


@pytest.fixture(scope="module")
def zones(lab: Lab) -> Lab:
    key = f"default._domainkey TXT {in_strings(rsa())}"
    addresses = ["ns1 A 192.0.2.53", "ns2 A 203.0.113.53"]
    lab.zone("good.example", [*GOOD, *addresses, key], signed=True)
    lab.zone("weak.example", WEAK)
    lab.zone("bogus.example", ["@ MX 10 mx1.good.example.", '@ TXT "v=spf1 -all"'], bogus=True)
    lab.names.reverse({ADDRESS: "mx1.good.example", "198.51.100.231": "mx2.good.example"})
    lab.names.blocklist("bl.example", ["198.51.100.231"])
    return lab


def test_a_good_signed_zone_passes(zones):
    findings = scan(zones, "good.example")
    assert statuses(findings, "failed") == {"mta-sts-valid", "not-blocklisted"}
    assert statuses(findings, "unknown") == {"spf-covers-egress"} or statuses(findings, "unknown") == set()
    for check in (
        "spf-single-valid-record",
        "dkim-key-published",
        "dkim-key-strong",
        "dmarc-valid",
        "dnssec-not-bogus",
    ):
        assert findings["good.example", check]["status"] == "passed", findings["good.example", check]
    assert findings["mx1.good.example", "reverse-dns-confirmed"]["status"] == "passed"


def test_only_the_listed_address_is_reported_with_the_words_of_the_list(zones):
    findings = scan(zones, "good.example")
    assert findings["mx1.good.example", "not-blocklisted"]["status"] == "passed"
    listed = findings["mx2.good.example", "not-blocklisted"]
    assert listed["status"] == "failed"
    assert listed["observed"][0]["says"].startswith("listed, see https://bl.example/")


def test_a_weak_zone_fails_where_it_is_weak(zones):
    findings = scan(zones, "weak.example")
    assert {
        "spf-single-valid-record",
        "spf-policy-restrictive",
        "dmarc-valid",
        "mx-not-alias",
        "mail-names-not-dangling",
        "tls-rpt-published",
    } <= statuses(findings, "failed")
    key = findings["weak.example", "dkim-key-published"]
    assert (key["status"], key["reason"]) == ("unknown", "not-declared"), "a wildcard is no key"


def test_a_bogus_zone_is_bogus_and_everything_else_about_it_unknown(zones):
    findings = scan(zones, "bogus.example")
    assert statuses(findings, "failed") == {"dnssec-not-bogus"}
    assert statuses(findings, "passed") == set()
    assert findings["bogus.example", "spf-single-valid-record"]["reason"] == "servfail"


def test_a_resolver_that_is_down_leaves_everything_unknown(zones):
    zones.names.resolver_down()
    try:
        findings = scan(zones, "good.example")
    finally:
        zones.names.resolver_up()
    assert statuses(findings, "passed") | statuses(findings, "failed") == set()
    assert statuses(findings, "unknown")
