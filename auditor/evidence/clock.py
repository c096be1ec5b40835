"""Whether the host's clock is right and stays right."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The kernel's word for it, and how the host's time differs from the scan's."""

    synchronised: bool
    """The kernel's clock is disciplined by some time daemon (adjtimex(2), STA_UNSYNC not set)."""
    in_container: bool = False
    """The clock belongs to the machine below, and no time daemon can run here."""
    ahead: float | None = None
    """Seconds between the start of the scan and the host's time when it was read: negative where the host lags."""


def parse_clock(text: str, *, scan_started: float) -> Clock:
    """Output of inside.logs.CLOCK: timedatectl's properties, then `date +%s`, then the kind of container."""
    properties = dict(re.findall(r"^(\w+)=(\S*)", text, re.MULTILINE))
    moment = re.search(r"^(\d{9,12})$", text, re.MULTILINE)
    return Clock(
        synchronised=properties.get("NTPSynchronized") == "yes",
        in_container=bool(re.search(r"^container (?!none)\S", text, re.MULTILINE)),
        ahead=int(moment[1]) - scan_started if moment else None,
    )
