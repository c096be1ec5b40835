"""What watches the mail service, and how far into a transaction it goes."""

from dataclasses import dataclass
from enum import StrEnum


class Reach(StrEnum):
    """Words of mail_monitoring.reaches, shallow first."""

    GREETING = "greeting"
    """Connects, perhaps says EHLO: stays green while every recipient is refused."""
    RCPT = "rcpt"
    DELIVERY = "delivery"
    """A message goes in and is seen to arrive."""

    @property
    def depth(self) -> int:
        """Grows with what it would notice."""
        return list(Reach).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One file that makes some program probe SMTP."""

    place: str
    reach: Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitors:
    """Those that are set up on the host itself."""

    found: tuple[Monitor, ...] = ()


def parse_monitors(text: str) -> Monitors:
    """Lines "REACH|FILE"; of each file the deepest."""
    known = {reach.value: reach for reach in Reach}
    deepest: dict[str, Reach] = {}
    for line in text.splitlines():
        word, _, place = line.partition("|")
        reach = known.get(word)
        if reach and place and reach.depth >= deepest.get(place, Reach.GREETING).depth:
            deepest[place[:200]] = reach
    return Monitors(found=tuple(Monitor(place=place, reach=reach) for place, reach in deepest.items()))
