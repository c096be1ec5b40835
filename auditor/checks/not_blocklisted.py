"""Neither the host's addresses nor its names stand on a blocklist.

A listing on the large lists means that most mail is refused at once. It is the symptom: find the cause first
(an open relay, a stolen account, a name without reverse DNS) and ask for removal when it is gone, or the next
listing lasts longer. A list is believed only after it has listed its own test point and not listed what none
may list; lists that refuse to answer the resolver say nothing, which is reported as unknown and never as clean. A list
that has let go still seems to list for as long as the resolver remembers its answer (`cached_seconds`), and longer for
receivers that copy it once a day. Lists of your own are named in the inventory (`mail_blocklists`) or by `--dnsbl`.
"""

from auditor.evidence.blocklists import BlocklistAnswers
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Inconclusive,
    Observation,
    Passed,
    Reason,
    Severity,
    Verdict,
    counted,
)


def judge(answers: BlocklistAnswers) -> Verdict:
    """Listed on a list that is alive; then every list must have answered."""
    if answers.listings:
        worst = min(answers.listings, key=lambda listing: listing.severity.rank)
        observed: tuple[Observation, ...] = tuple(
            {
                "listed": e.subject,
                "on": e.zone,
                "codes": " ".join(e.codes),
                "says": e.says,
                "delist": e.delist,
                "cached_seconds": e.cached,
            }
            for e in sorted(answers.listings, key=lambda listing: listing.severity.rank)
        )
        return Failed(f"{worst.subject} is listed on {worst.zone}", observed, severity=worst.severity)
    blind = tuple(zone for zone in answers.zones if zone.unknown)
    if blind and blind[0].unknown:
        seen = tuple({"list": zone.zone, "why": zone.unknown.detail} for zone in blind if zone.unknown)
        return Inconclusive(f"{counted(len(blind), 'list')} gave no answer", blind[0].unknown.reason, seen)
    alive = tuple(zone for zone in answers.zones if not zone.dead)
    if not answers.subjects:
        return Inconclusive("the host has neither a public address nor a name", Reason.NO_ADDRESS)
    if not alive:
        return Inconclusive("no list is alive from here", Reason.UNREACHABLE)
    return Passed(f"listed nowhere; {counted(len({zone.zone for zone in alive}), 'list')} answered")


CHECK = Check.of(
    judge,
    family=Family.REPUTATION,
    severity=Severity.HIGH,
    remedy=ByHand(
        "First find and close the cause: the other findings of this scan, then the queue and the log for the hour "
        "of the listing. Then ask for removal at the address given with each listing, once, with what you repaired. "
        "For a PBL listing set the reverse DNS name and remove the address in the provider's or Spamhaus' form. "
        "Never pay for removal."
    ),
    runbook="blocklisted",
    references=("RFC 5782 section 2.1", "RFC 5782 section 2.4", "RFC 5782 section 5"),
)
