"""What waits to be delivered, without anybody's address: only domains leave the host."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.evidence.mta import Mta


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Messages for one destination domain."""

    domain: str
    messages: int
    reason: str = ""
    """The latest one, cut, with addresses taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailQueue:
    """The queue of the running mail program."""

    mta: Mta
    messages: int
    oldest: float | None = None
    """Arrival of the oldest one, seconds since 1970; Exim tells ages, which were counted back from the scan."""
    frozen: int = 0
    """Held, quarantined or frozen: not tried again by itself."""
    sampled: int = 0
    """Messages that the following was counted on."""
    waiting: tuple[Waiting, ...] = ()
    """Most first, at most twenty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    arrived: float
    domains: tuple[str, ...] = ()
    reason: str = ""
    frozen: bool = False


_AGE = {"m": 60, "h": 3600, "d": 86400}


def _domain(address: str) -> str:
    return address.strip("<> ").rpartition("@")[2].lower()[:255]


def _quiet(reason: str) -> str:
    return re.sub(r"[^\s<>@]+@[^\s<>]+", "…@…", reason)[:120]


def parse_postfix(text: str) -> Iterable[_Message]:
    """`postqueue -j`: one JSON object a line; a line that was cut is left out."""
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        try:
            entry = json.loads(line)
            recipients = entry["recipients"]
            yield _Message(
                arrived=float(entry["arrival_time"]),
                domains=tuple(_domain(str(one["address"])) for one in recipients),
                reason=next((str(one["delay_reason"]) for one in recipients if one.get("delay_reason")), ""),
                frozen=entry.get("queue_name") == "hold",
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def parse_exim(text: str, *, now: float) -> Iterable[_Message]:
    """`exim -bpr`: "25m  2.9K 1xUsKd-0004es-1m <sender> *** frozen ***", then one recipient a line, a blank line."""
    for block in text.split("\n\n"):
        lines = block.strip("\n").splitlines()
        head = re.match(r"\s*(\d{1,6})([mhd])\s+\S+\s+\S+\s+<", lines[0]) if lines else None
        if head:
            yield _Message(
                arrived=now - int(head[1]) * _AGE[head[2]],
                domains=tuple(
                    _domain(line) for line in lines[1:] if "@" in line and not line.strip().startswith("D ")
                ),
                frozen="*** frozen ***" in lines[0],
            )


def parse_opensmtpd(text: str) -> Iterable[_Message]:
    """`smtpctl show queue`: one envelope a line, fields divided by "|"."""
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) >= 13 and fields[7].isascii() and fields[7].isdigit():
            yield _Message(
                arrived=float(fields[7]),
                domains=(_domain(fields[6]),),
                reason=fields[-1] if len(fields) > 13 else "",
            )


def parse_sendmail(text: str) -> Iterable[_Message]:
    """Lines T (arrival), M (why it waits), R (recipient) of the qf files, each file begun by "==> name"."""
    for block in text.split("==> ")[1:]:
        arrived = re.search(r"^T(\d{9,12})$", block, re.MULTILINE)
        reason = re.search(r"^M(.*)$", block, re.MULTILINE)
        if arrived:
            yield _Message(
                arrived=float(arrived[1]),
                domains=tuple(
                    _domain(one) for one in re.findall(r"^R[^:]*:(.*)$", block, re.MULTILINE) if "@" in one
                ),
                reason=reason[1] if reason else "",
                frozen=block.startswith("hf") or "\nq" in block,
            )


def summarise(mta: Mta, found: Iterable[_Message], *, total: int | None) -> MailQueue:
    """`total` is the program's own count, where it was asked separately because the list was cut."""
    messages = list(found)
    counts = Counter(domain for message in messages for domain in set(message.domains))
    reasons = {domain: message.reason for message in messages for domain in message.domains if message.reason}
    return MailQueue(
        mta=mta,
        messages=max(total or 0, len(messages)),
        oldest=min((message.arrived for message in messages), default=None),
        frozen=sum(message.frozen for message in messages),
        sampled=len(messages),
        waiting=tuple(
            Waiting(domain=domain, messages=count, reason=_quiet(reasons.get(domain, "")))
            for domain, count in counts.most_common(20)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """One file system that mail is kept on."""

    path: str
    size: int
    free: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSpace:
    """Spool, log and mailbox file systems."""

    places: tuple[Space, ...]


def parse_space(text: str) -> tuple[Space, ...]:
    """`stat -f -c '%n|%S|%b|%a|%c|%d'`."""
    found = []
    for line in text.splitlines():
        name, _, rest = line.partition("|")
        numbers = rest.split("|")
        if name.startswith("/") and len(numbers) == 5 and all(n.isascii() and n.isdigit() for n in numbers):
            block, blocks, free, inodes, inodes_free = map(int, numbers)
            found.append(
                Space(
                    path=name, size=block * blocks, free=block * free, inodes=inodes, inodes_free=inodes_free
                )
            )
    return tuple(found)
