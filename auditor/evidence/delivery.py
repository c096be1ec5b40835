"""What became of the message that the scan handed over, as the host's own log tells it.

Lines as Debian 12 and 13 write them, through rsyslog or the journal. That a message was accepted is no delivery.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What the log says last of one recipient."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt to deliver to one recipient."""

    queue_id: str
    recipient: str
    fate: Fate
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Lines about the messages that carry this scan's label."""

    lines: tuple[str, ...] = ()

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The last attempt for each recipient of each message, in the order of the log."""
        last: dict[tuple[str, str], Outcome] = {}
        for outcome in _outcomes(self.lines):
            last[outcome.queue_id, outcome.recipient] = outcome
        return tuple(last.values())


_POSTFIX = re.compile(
    r"\]: (?P<id>[0-9A-Za-z]{6,20}): to=<(?P<to>[^>]*)>,.* status=(?P<fate>\w+) \((?P<why>.*)"
)
_EXIM = re.compile(
    r" (?P<id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) (?P<fate>=>|->|>>|\*\*|==) (?P<to>\S+)"
)
_OPENSMTPD = re.compile(
    r" (?:mda|mta) delivery evpid=(?P<id>[0-9a-f]{16}) .*?to=<(?P<to>[^>]*)>.* result=\"?(?P<fate>\w+)"
)
_SENDMAIL = re.compile(
    r"\]: (?P<id>[0-9A-Za-z]{14}): to=(?P<to>[^,]+),.* dsn=(?P<fate>[245])\.\d+\.\d+, stat="
)
_FATES = {
    "sent": Fate.DELIVERED,
    "deferred": Fate.DEFERRED,
    "bounced": Fate.FAILED,
    "expired": Fate.FAILED,
    "=>": Fate.DELIVERED,
    "->": Fate.DELIVERED,
    ">>": Fate.DELIVERED,
    "**": Fate.FAILED,
    "==": Fate.DEFERRED,
    "Ok": Fate.DELIVERED,
    "PermFail": Fate.FAILED,
    "TempFail": Fate.DEFERRED,
    "2": Fate.DELIVERED,
    "4": Fate.DEFERRED,
    "5": Fate.FAILED,
}


def _outcomes(lines: tuple[str, ...]) -> Iterator[Outcome]:
    for line in lines:
        for pattern in (_POSTFIX, _OPENSMTPD, _SENDMAIL, _EXIM):
            found = pattern.search(line)
            if found is None:
                continue
            fate = _FATES.get(found["fate"])
            # "forwarded as" is Postfix's local(8) handing an alias on: the new queue id tells what became of it.
            if fate is not None and not found.groupdict().get("why", "").startswith("forwarded as"):
                yield Outcome(queue_id=found["id"], recipient=found["to"].strip("<>"), fate=fate, line=line)
            break
