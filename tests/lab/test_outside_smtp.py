"""Real mail programs of Debian 12 and 13, asked from outside their networks.

Stock hosts: what Debian ships is told apart from what an admin broke. Holes: each one that was measured by hand is
opened on a real program and has to be found by the forms that the scan tries without --thorough.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.laboratory import Lab
from tests.lab.machine import Host

pytestmark = pytest.mark.lab
REPOSITORY = Path(__file__).parents[2]
FAMILIES = ("relay", "roles", "smtp", "tls", "access")
ASKS_FOR_CONSENT = {"bare-newline-refused"}


def scan(lab: Lab, host: Host, *options: str) -> dict[str, dict[str, Any]]:
    """Findings by check."""
    only = [word for family in FAMILIES for word in ("--only", family)]
    command = [
        *(
            "env",
            f"PYTHONPATH={REPOSITORY}",
            sys.executable,
            "-m",
            "auditor",
            "scan",
            host.name,
            "--outside-only",
        ),
        *("--format", "json", "--helo", "vantage.example", *only, *options),
    ]
    done = lab.exec(command)
    assert done.returncode in {0, 1, 3}, done.stderr
    targets = json.loads(done.stdout)["targets"]
    return {finding["check"]: finding for target in targets for finding in target["findings"]}


def failed(findings: dict[str, dict[str, Any]]) -> set[str]:
    return {check for check, finding in findings.items() if finding["status"] == "failed"}


EVERY_STOCK_HOST_FAILS = {"submission-available", "tls-certificate-valid"}
"""Dovecot is there and no submission service; its certificate is the snake oil of ssl-cert."""
STOCK_FAILS = {
    "postfix": {
        "abuse-accepted",
        "hostmaster-accepted",
        "security-accepted",
        "recipients-not-enumerable",
        "tls-protocols-modern",
    },
    "exim4": {"banner-discreet", "tls-protocols-modern"},
    "opensmtpd": {"postmaster-accepted", "starttls-offered"},
    "sendmail": {
        "abuse-accepted",
        "hostmaster-accepted",
        "security-accepted",
        "postmaster-accepted",
        "recipients-not-enumerable",
        "smtp-transaction-completes",
        "auth-after-tls-only",
        "banner-discreet",
        "starttls-offered",
    },
}


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_stock_host_fails_what_debian_leaves_open_and_nothing_is_unknown(
    lab: Lab, mail_host: MailHosts, release: str, mta: str
):
    findings = scan(lab, mail_host(release, mta))
    unknown = {check for check, finding in findings.items() if finding["status"] == "unknown"}
    assert unknown == ASKS_FOR_CONSENT
    assert failed(findings) - {"early-talker-refused"} == EVERY_STOCK_HOST_FAILS | STOCK_FAILS[mta]
    assert findings["relay-closed"]["status"] == findings["relay-rewritten-closed"]["status"] == "passed"


OPENSMTPD = (
    "sed -i '0,/^match /s//action away relay\\n{}\\n&/' /etc/smtpd.conf && systemctl restart opensmtpd"
)
SENDMAIL = (
    'cd /etc/mail && sed -i "/^MAILER_DEFINITIONS/i FEATURE(\\`{}\')dnl" sendmail.mc'
    " && m4 sendmail.mc > sendmail.cf && systemctl restart sendmail"
)
EXIM = (
    "sed -i \"s|^{0}=.*|{0}='{1}'|\" /etc/exim4/update-exim4.conf.conf"
    " && update-exim4.conf && systemctl restart exim4"
)
POSTFIX_TABLE = (
    "echo '$DOMAIN OK' > /etc/postfix/friends && postmap /etc/postfix/friends && postconf -e smtpd_relay_restrictions="
    " 'smtpd_recipient_restrictions={} hash:/etc/postfix/friends, reject_unauth_destination'"
    " && systemctl restart postfix"
)


@dataclass(frozen=True)
class Hole:
    """What an admin did, and what has to find it."""

    mta: str
    check: str
    vector: str
    script: str

    def __str__(self) -> str:
        return f"{self.mta}-{self.vector}"


CLOSED, REWRITTEN = "relay-closed", "relay-rewritten-closed"
HOLES = [
    Hole("postfix", CLOSED, "R01", "postconf -e mynetworks=0.0.0.0/0,[::]/0 && systemctl restart postfix"),
    Hole("postfix", REWRITTEN, "R03", POSTFIX_TABLE.format("check_sender_access")),
    Hole("postfix", CLOSED, "R50", POSTFIX_TABLE.format("check_helo_access")),
    Hole("opensmtpd", CLOSED, "R01", OPENSMTPD.format("match from any for any action away")),
    Hole("opensmtpd", CLOSED, "R50", OPENSMTPD.format('match from any helo "$DOMAIN" for any action away')),
    Hole("sendmail", CLOSED, "R01", SENDMAIL.format("promiscuous_relay")),
    Hole("sendmail", REWRITTEN, "R03", SENDMAIL.format("relay_local_from")),
    Hole("exim4", CLOSED, "R01", EXIM.format("dc_relay_nets", "0.0.0.0/0")),
    Hole("exim4", CLOSED, "R01", EXIM.format("dc_relay_domains", "*")),
]


@pytest.mark.parametrize("hole", HOLES, ids=str)
def test_each_measured_hole_is_found(lab: Lab, mail_host: MailHosts, hole: Hole):
    host = mail_host("trixie", hole.mta)
    before = host.snapshot()
    try:
        host.sh(f"cd / && {hole.script.replace('$DOMAIN', host.domain)}")
        finding = scan(lab, host)[hole.check]
    finally:
        host.restore(before)
    assert finding["status"] == "failed"
    assert finding["severity"] == "critical"
    assert hole.vector in {fact["vector"] for fact in finding["observed"]}
    assert finding["remedy"]["playbook"] == "close-relay"


def test_nothing_is_left_on_the_host(lab: Lab, mail_host: MailHosts):
    host = mail_host("trixie", "postfix")
    scan(lab, host, "--thorough")
    assert "Mail queue is empty" in host.sh("mailq")
