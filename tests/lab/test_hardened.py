"""A host that somebody who knows the trade has hardened by hand passes, in less than a minute.

The other half of every claim: a check that fails everywhere finds nothing. One scan from outside and inside for each
mail program and release; what stays open is written down here with its reason.
"""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.admin import OUTSIDE, Admin
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.laboratory import Lab
from tests.lab.machine import Host

pytestmark = pytest.mark.lab
SECONDS = 60.0
LIST = "bl.example"
STARRED = {
    "relay-closed",
    "relay-rewritten-closed",
    "relay-submission-closed",
    "postmaster-accepted",
    "abuse-accepted",
    "spf-single-valid-record",
    "spf-lookups-within-limit",
    "spf-policy-restrictive",
    "dkim-key-published",
    "dkim-key-strong",
    "dmarc-valid",
    "dmarc-policy-enforced",
    "smtp-transaction-completes",
    "mail-log-written",
    "log-persistent",
    "log-retained",
    "log-shipped-off-host",
    "service-restarts-on-failure",
    "listener-owned-by-unit",
    "service-enabled-at-boot",
    "service-not-flapping",
    "helpers-supervised",
}
"""Named by the mission."""
NOT_APPLICABLE = {
    ("bookworm", "opensmtpd"): {"relay-submission-closed", "helpers-supervised"},
    ("trixie", "opensmtpd"): {"helpers-supervised"},
}
"""Debian 12's OpenSMTPD breaks every handshake, so that host has no submission ports. Neither asks a helper at all."""
BROKEN = {
    ("bookworm", "opensmtpd"): {"starttls-offered", "mta-supported"},
    ("trixie", "opensmtpd"): {"outbound-limited"},
    ("bookworm", "sendmail"): {"outbound-limited"},
    ("trixie", "sendmail"): {"outbound-limited"},
}
"""No setting mends OpenSMTPD 6.8; the finding says so and names backports. Neither OpenSMTPD nor Sendmail counts what one account
sends: that takes rspamd and a database, which these hosts do not have, and the finding is true."""


def scan(admin: Admin, host: Host) -> tuple[dict[str, dict[str, Any]], float]:
    """Findings by check, and how long it took. The canary is a mailbox of the host, so that messages are handed over."""
    admin.inventory(host)
    began = time.monotonic()
    looking = (*OUTSIDE, "--canary", f"canary@{host.domain}", "-i", "hosts.yml", "--dnsbl", LIST)
    done = admin.auditor("scan", host.name, *looking, "--format", "json")
    took = time.monotonic() - began
    assert done.returncode in {0, 1, 3}, done.stderr
    targets = json.loads(done.stdout)["targets"]
    return {finding["check"]: finding for target in targets for finding in target["findings"]}, took


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_hardened_host_passes_in_less_than_a_minute(
    lab: Lab, mail_host: MailHosts, tmp_path: Path, release: str, mta: str
):
    lab.names.blocklist(LIST)
    findings, took = scan(Admin(lab=lab, folder=tmp_path), mail_host(release, mta, profile="hardened"))
    unknown = {c for c, f in findings.items() if f["status"] == "unknown"}
    absent = NOT_APPLICABLE.get((release, mta), set())
    starred = {check: findings[check]["status"] for check in STARRED}
    assert starred == {check: "not-applicable" if check in absent else "passed" for check in STARRED}
    bad = {
        c for c, f in findings.items() if f["status"] == "failed" and f["severity"] in {"critical", "high"}
    }
    assert bad == BROKEN.get((release, mta), set())
    assert unknown == set()
    assert took < SECONDS
