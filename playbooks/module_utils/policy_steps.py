"""What a record becomes in the light of what is published already: nothing that is good is lost, nothing is skipped. Pure."""

from __future__ import annotations

import re
from typing import Any

Record = dict[str, Any]

ASKING = 10
LADDER = ("none", "quarantine", "reject")


def settled(record: Record, present: list[str]) -> Record:
    """SPF grows, DMARC climbs by one step, a good record that `keep` describes stays."""
    # A name server turns several records round with every answer; what becomes of them must be the same each time.
    owned = sorted(value for value in present if record["owns"] and value.startswith(record["owns"]))
    if record["owns"] == "v=spf1" and record["value"] != "v=spf1 -all":
        return record | {"value": merged_spf(owned, record["value"])}
    if record.get("climb"):
        return record | {"value": climbed(owned, record)}
    if len(owned) == 1 and record.get("keep") and re.search(record["keep"], owned[0]):
        return record | {"value": owned[0]}
    return record


def merged_spf(present: list[str], wanted: str) -> str:
    """Every mechanism that is published already, in its order, then what is missing, and one ending."""
    terms: list[str] = []
    for value in [*present, wanted]:
        terms += [term for term in value.split()[1:] if term.lstrip("+-~?") != "all" and term not in terms]
    return " ".join(["v=spf1", *terms, "-all"])


def crowded(record: Record) -> str:
    """Why an SPF record would be a permanent error at once: more than ten of its terms ask (RFC 7208 section 4.6.4). Else empty.

    What they include asks more: this counts only what stands in the record itself.
    """
    if not record["value"].startswith("v=spf1"):
        return ""
    asking = [term for term in record["value"].split()[1:] if re.match(r"[+?~-]?(?:include:|exists:|a\b|mx\b|ptr\b)|redirect=", term)]
    if len(asking) <= ASKING:
        return ""
    return (
        f"{record['name']}: the SPF record that comes of what is published asks for {len(asking)} names, and receivers give up after {ASKING}. "
        "Take out of it what you no longer send by; it is published for you once it asks for fewer."
    )


def climbed(owned: list[str], record: Record) -> str:
    """The next step of the DMARC ladder towards `climb`, never down, and the second never before the first unless `leap`.

    Of a single valid record everything else stays (who gets the reports, alignment, failure options), but for what takes the
    step back: t=y, a pct below 100, a weaker policy for subdomains. Without one the ladder begins with reports.
    """
    rung = _rung(owned[0]) if len(owned) == 1 else -1
    if rung < 0:
        return str(record["value"])
    goal = LADDER.index(record["climb"])
    reached = max(rung, goal if record.get("leap") else min(rung + 1, goal))
    tags = [tag.strip() for tag in owned[0].split(";") if tag.strip()]
    kept = [tag for tag in tags[1:] if not _takes_back(tag, reached)]
    if reached == rung and kept == tags[1:]:
        return owned[0]
    before = [tag for tag in kept if _name(tag) == "p"]
    policy = f"p={LADDER[reached]}"
    rest = [policy if tag in before else tag for tag in kept]
    return "; ".join([tags[0], *(rest if before else [policy, *rest])])


def _rung(record: str) -> int:
    found = re.search(r"(?i);\s*p\s*=\s*(none|quarantine|reject)\s*(?:;|$)", record)
    return LADDER.index(found.group(1).lower()) if found else -1


def _name(tag: str) -> str:
    return tag.partition("=")[0].strip().lower()


def _takes_back(tag: str, reached: int) -> bool:
    value = tag.partition("=")[2].strip().lower()
    match _name(tag):
        case "t":
            return value == "y"
        case "pct":
            return value != "100"
        case "sp" | "np":
            return value not in LADDER[reached:]
        case _:
            return False
