"""What a scan costs a real mail host: connections, counted by the host's own kernel, and what it leaves behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.admin import Admin
from tests.lab.images import MTAS
from tests.lab.laboratory import Lab
from tests.lab.machine import Host

pytestmark = pytest.mark.lab
STARRED = (
    "relay-closed",
    "relay-rewritten-closed",
    "relay-submission-closed",
    "postmaster-accepted",
    "abuse-accepted",
    "smtp-transaction-completes",
)
CONNECTIONS = {"sendmail": 7, "exim4": 13, "opensmtpd": 13, "postfix": 21}
"""At most, of one address family. Sendmail takes ten in ten minutes; hardened Exim takes ten commands that hand in no
mail, hardened Postfix two errors, and OpenSMTPD one EHLO to a connection, so that they get more of them."""
COUNT = """
nft add table inet counted
nft add chain inet counted in '{ type filter hook input priority -10; }'
for family in ipv4 ipv6; do
    nft add rule inet counted in meta nfproto $family tcp dport '{ 25, 465, 587 }' 'tcp flags & (syn | ack) == syn' counter
done
"""


def fresh(lab: Lab, mta: str, number: int) -> Host:
    """A hardened host that nobody has spoken to yet."""
    return lab.host(
        f"mx.{mta}-polite.example",
        release="trixie",
        mta=mta,
        profile="hardened",
        v4=f"198.51.100.{number}",
        v6=f"2001:db8:100::{number}",
    )


def connections(host: Host) -> list[int]:
    """Over IPv4 and over IPv6, since COUNT."""
    rules = json.loads(host.sh("nft -j list table inet counted"))["nftables"]
    return [
        part["counter"]["packets"]
        for r in rules
        for part in r.get("rule", {}).get("expr", ())
        if "counter" in part
    ]


def queued(host: Host) -> str:
    """What the mail program still has to deliver; empty text for nothing."""
    return host.sh(
        {
            "postfix": "postqueue -j",
            "exim4": "exim4 -bp",
            "opensmtpd": "smtpctl show queue",
            "sendmail": "find /var/spool/mqueue /var/spool/mqueue-client -type f -name 'qf*'",
        }[host.mta]
    ).strip()


def scan(admin: Admin, host: Host, *options: str) -> dict[str, Any]:
    """Findings by check, of a scan from outside."""
    found = admin.scan(host.name, "-i", "hosts.yml", "--outside-only", *options)
    return {check: finding for (check, _), finding in found.items()}


@pytest.mark.parametrize("mta", MTAS)
def test_a_scan_takes_few_connections_and_leaves_nothing_in_the_queue(lab: Lab, tmp_path: Path, mta: str):
    host = fresh(lab, mta, 230 + MTAS.index(mta))
    try:
        host.sh(COUNT)
        admin = Admin(lab=lab, folder=tmp_path)
        admin.inventory(host)
        first = scan(admin, host)
        assert max(connections(host)) <= CONNECTIONS[mta]
        assert min(connections(host)) >= 4
        assert {check: first[check]["status"] for check in STARRED} == dict.fromkeys(STARRED, "passed")
        if mta == "sendmail":  # fix scans, repairs and scans again: the second scan has to see as much
            second = scan(admin, host)
            assert {check: second[check]["status"] for check in STARRED} == dict.fromkeys(STARRED, "passed")
        assert queued(host) == ""
    finally:
        host.stop()
