"""Every blocklist that the mail program asks still exists.

A list that was switched off answers late or never, and some answered "listed" for the whole world on their last day.
"""

from auditor.evidence.mta_settings import MtaSettings, dns_lists
from auditor.model import ByHand, Check, Failed, Family, NotApplicable, Passed, Severity, Verdict

DEAD = (
    "sorbs.net",
    "ix.dnsbl.manitu.net",
    "db.wpbl.info",
    "dnsbl.inps.de",
    "ubl.unsubscore.com",
    "dnsbl.madavi.de",
    "spamtrap.drbl.drand.net",
    "bl.spamcannibal.org",
    "bl.emailbasura.org",
    "dnsbl.burnt-tech.com",
    "dul.ru",
    "ahbl.org",
    "njabl.org",
    "relays.ordb.org",
    "list.dsbl.org",
    "cbl.abuseat.org",
    "rfc-ignorant.org",
    "virbl.bit.nl",
    "wormrbl.imp.ch",
    "spamrbl.imp.ch",
    "bl.csma.biz",
    "msrbl.net",
    "nszones.com",
)
"""Switched off, answering for everything, or fraudulent; zones below them too. Known by November 2026."""


def judge(settings: MtaSettings) -> Verdict:
    """By name, without a query: asking a dead zone is what is to be avoided."""
    zones = dns_lists(settings)
    bad = tuple(
        {"zone": zone} for zone in zones if any(zone == dead or zone.endswith(f".{dead}") for dead in DEAD)
    )
    if bad:
        return Failed("asks dead blocklists: " + ", ".join(row["zone"] for row in bad), bad)
    if not zones:
        return NotApplicable("the mail program asks no blocklist itself")
    return Passed(
        f"{len(zones)} blocklists in use, none of them known to be dead", tuple({"zone": z} for z in zones)
    )


CHECK = Check.of(
    judge,
    family=Family.REPUTATION,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Take the named zones out of the configuration (Postfix: reject_rbl_client and postscreen_dnsbl_sites; Exim: dnslists; Sendmail: FEATURE(dnsbl)), let the program check it, reload."
    ),
    runbook="blocklisted",
    references=("RFC 6471 3.4",),
)
