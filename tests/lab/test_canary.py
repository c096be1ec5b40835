"""A message to the administrator's own mailbox: handed over, and found where it went."""

from pathlib import Path
from typing import Any

import pytest

from tests.lab.admin import Admin
from tests.lab.fixtures import MailHosts
from tests.lab.images import MTAS
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.test_polite import queued

pytestmark = pytest.mark.lab
CHECK = "smtp-transaction-completes"
ASTRAY = {"exim4": "|/bin/false"}
"""Where the other alias leads: taken at RCPT, never delivered. Exim looks up at RCPT already where an address leads."""
NOWHERE = "nobody@no-such-name.invalid"
ALIASES = {"opensmtpd": "smtpctl update table aliases"}
"""The others read them through newaliases."""


def finding(lab: Lab, folder: Path, host: Host, mailbox: str, *options: str) -> dict[str, Any]:
    admin = Admin(lab=lab, folder=folder)
    admin.inventory(host)
    canary = f"{mailbox}@{host.domain}"
    found = admin.scan(host.name, "-i", "hosts.yml", "--only", CHECK, "--canary", canary, *options)
    return found[CHECK, host.name]


@pytest.mark.parametrize("mta", MTAS)
def test_a_message_is_followed_into_the_mailbox_or_to_where_it_was_lost(
    lab: Lab, mail_host: MailHosts, tmp_path: Path, mta: str
):
    host = mail_host("trixie", mta)
    before = host.snapshot()
    try:
        astray = ASTRAY.get(mta, NOWHERE)
        host.sh(f"useradd -m box && printf 'astray: %s\\n' '{astray}' >> /etc/aliases")
        host.sh(ALIASES.get(mta, "newaliases"))
        arrived = finding(lab, tmp_path, host, "box")
        assert arrived["status"] == "passed", arrived
        assert arrived["observed"][0]["fate"] == "delivered"
        assert queued(host) == ""
        lost = finding(lab, tmp_path, host, "astray")
        assert lost["status"] == "failed", lost
        assert lost["observed"][0]["fate"] in {"failed", "deferred"}
        assert astray in lost["summary"]
        if mta != "exim4":  # which cannot be told to send no bounce (RFC 3461)
            assert queued(host) == ""
        unseen = finding(lab, tmp_path, host, "box", "--outside-only")
        assert (unseen["status"], unseen["reason"]) == ("unknown", "not-asked")
    finally:
        host.restore(before)
