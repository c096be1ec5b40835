"""Nothing lost? accepted = delivered + bounced + queued + held + removed by us, message by message, from the log.

One message may have many recipients: it counts as bounced when any of them was, else as delivered once it left the
queue. A message whose end is in none of the five is lost, and named.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

_POSTFIX: Final = re.compile(r"postfix[\w./-]*/(?P<part>\w+)\[\d+\]: (?P<id>[0-9A-Za-z]{6,20}): (?P<rest>.*)")
_EXIM: Final = re.compile(
    r"(?P<id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6}(?:[0-9A-Za-z]{5})?-[0-9A-Za-z]{2}(?:[0-9A-Za-z]{2})?) (?P<flag><=|=>|->|>>|\*\*|==|Completed)"
)
_OPENSMTPD_IN: Final = re.compile(r"smtp message msgid=(?P<id>[0-9a-f]{8}) ")
_OPENSMTPD_OUT: Final = re.compile(
    r"(?:mda|mta) delivery evpid=(?P<id>[0-9a-f]{8})[0-9a-f]{8} .*?result=\"?(?P<result>Ok|TempFail|PermFail)"
)
_SENDMAIL: Final = re.compile(
    r"(?:sm-mta|sendmail)\[\d+\]: (?P<id>[0-9A-Za-z]{8}\d{6}): (?P<what>from|to)=(?P<rest>.*)"
)


class Traffic(Struct, frozen=True, kw_only=True):
    """What a log says of messages, by their ids."""

    accepted: frozenset[str] = frozenset()
    delivered: frozenset[str] = frozenset()
    bounced: frozenset[str] = frozenset()


class Balance(Struct, frozen=True, kw_only=True):
    """The accounting of one window of time. It balances when nothing is lost."""

    accepted: int
    delivered: int
    bounced: int
    queued: int
    held: int
    removed: int
    lost: tuple[str, ...]

    def sentence(self) -> str:
        """The equation, as it goes into COM-5 and the retrospective."""
        return (
            f"accepted {self.accepted} = delivered {self.delivered} + bounced {self.bounced} + queued {self.queued} "
            f"+ held {self.held} + removed by us {self.removed}"
            + (f" + NOT ACCOUNTED FOR {len(self.lost)}" if self.lost else "")
        )


def postfix(lines: Iterable[str]) -> Traffic:
    """Traffic from Postfix's log; accepted means that the queue manager took it."""
    accepted, delivered, bounced = set[str](), set[str](), set[str]()
    for line in lines:
        found = _POSTFIX.search(line)
        if found is None:
            continue
        if found["part"] == "qmgr" and found["rest"].startswith("from="):
            accepted.add(found["id"])
        elif "status=sent" in found["rest"]:
            delivered.add(found["id"])
        elif "status=bounced" in found["rest"] or "status=expired" in found["rest"]:
            bounced.add(found["id"])
    return Traffic(accepted=frozenset(accepted), delivered=frozenset(delivered), bounced=frozenset(bounced))


def exim4(lines: Iterable[str]) -> Traffic:
    """Traffic from Exim's main log."""
    accepted, delivered, bounced = set[str](), set[str](), set[str]()
    for line in lines:
        found = _EXIM.search(line)
        if found is None:
            continue
        match found["flag"]:
            case "<=":
                accepted.add(found["id"])
            case "=>" | "->" | ">>":
                delivered.add(found["id"])
            case "**":
                bounced.add(found["id"])
            case _:
                pass
    return Traffic(accepted=frozenset(accepted), delivered=frozenset(delivered), bounced=frozenset(bounced))


def opensmtpd(lines: Iterable[str]) -> Traffic:
    """Traffic from OpenSMTPD's log, by message (the first half of an envelope's id)."""
    accepted, delivered, bounced = set[str](), set[str](), set[str]()
    for line in lines:
        if taken := _OPENSMTPD_IN.search(line):
            accepted.add(taken["id"])
        elif ended := _OPENSMTPD_OUT.search(line):
            {"Ok": delivered, "PermFail": bounced}.get(ended["result"], set()).add(ended["id"])
    return Traffic(accepted=frozenset(accepted), delivered=frozenset(delivered), bounced=frozenset(bounced))


def sendmail(lines: Iterable[str]) -> Traffic:
    """Traffic from Sendmail's log; without a recipient or a size it is a transaction that was given up before its text."""
    accepted, delivered, bounced = set[str](), set[str](), set[str]()
    for line in lines:
        found = _SENDMAIL.search(line)
        if found is None:
            continue
        if found["what"] == "from":
            if "nrcpts=0," not in found["rest"] and "size=0," not in found["rest"]:
                accepted.add(found["id"])
        elif "stat=Sent" in found["rest"]:
            delivered.add(found["id"])
        elif re.search(r"dsn=5\.\d+\.\d+", found["rest"]):
            bounced.add(found["id"])
    return Traffic(accepted=frozenset(accepted), delivered=frozenset(delivered), bounced=frozenset(bounced))


PARSERS: Final = {"postfix": postfix, "exim4": exim4, "opensmtpd": opensmtpd, "sendmail": sendmail}


def balance(traffic: Traffic, waiting: Mapping[str, bool], removed: frozenset[str]) -> Balance:
    """Every accepted message in exactly one class. waiting: id -> held, of everything in the queue now."""
    counts = {"delivered": 0, "bounced": 0, "queued": 0, "held": 0, "removed": 0}
    lost = []
    for one in traffic.accepted:
        if one in waiting:
            counts["held" if waiting[one] else "queued"] += 1
        elif one in removed:
            counts["removed"] += 1
        elif one in traffic.bounced:
            counts["bounced"] += 1
        elif one in traffic.delivered:
            counts["delivered"] += 1
        else:
            lost.append(one)
    return Balance(accepted=len(traffic.accepted), lost=tuple(sorted(lost)), **counts)
