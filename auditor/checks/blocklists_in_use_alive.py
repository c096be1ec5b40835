"""Every blocklist that the mail program asks still exists.

A list that was switched off answers late or never, and some answered "listed" for the whole world on their last day.
"""

from auditor.evidence.blocklists import death_of
from auditor.evidence.mta_settings import MtaSettings, dns_lists
from auditor.model import ByHand, Check, Failed, Family, NotApplicable, Passed, Severity, Verdict


def judge(settings: MtaSettings) -> Verdict:
    """By name, without a query: asking a dead zone is what is to be avoided."""
    zones = dns_lists(settings)
    bad = tuple({"zone": zone, "says": why} for zone in zones if (why := death_of(zone)))
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
