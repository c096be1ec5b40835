"""Typed values: what an operator answers, an inventory supplies or a target prints, checked before it is used.

Queue ids, addresses and log text come from strangers. A value that does not match its type never becomes an
argument of a command; it is refused with one sentence that names the value escaped.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from auditor.runbook.display import shown

type_names: Final = (
    "text", "line", "int", "bool", "ip", "cidr", "cidrs", "host", "domain", "address", "user",
    "queue-id", "duration", "path", "port", "choice", "file", "optional-file", "time", "optional-time",
)  # fmt: skip
"""Names of the types, as runbooks write them."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_TEXT: Final = 4000


class NotThatType(ValueError):
    """A value does not have the type it was asked for."""


def seconds(text: str) -> int:
    """Seconds in a duration such as `90s`, `15m`, `24h` or `3d`."""
    matched = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if matched is None:
        raise NotThatType(f"{shown(text)} is not a duration such as 90s, 15m, 24h or 3d")
    return int(matched[1]) * _UNITS[matched[2]]


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise NotThatType(f"{shown(text)} is not {what}")
        return text

    return check


def _text(text: str) -> str:
    if len(text) > _LONGEST_TEXT or any(ord(char) < 32 and char not in "\n\t" for char in text):
        raise NotThatType(f"text of at most {_LONGEST_TEXT} characters without control characters is needed")
    return text


def _line(text: str) -> str:
    if "\n" in text:
        raise NotThatType("one line is needed")
    return _text(text)


def _integer(text: str) -> str:
    if re.fullmatch(r"-?\d{1,18}", text) is None:
        raise NotThatType(f"{shown(text)} is not a whole number")
    return str(int(text))


def _boolean(text: str) -> str:
    low = text.strip().lower()
    if low in {"yes", "y", "true", "1"}:
        return "yes"
    if low in {"no", "n", "false", "0"}:
        return "no"
    raise NotThatType(f"{shown(text)} is neither yes nor no")


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise NotThatType(f"{shown(text)} is not an IP address") from None


def _cidr(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise NotThatType(f"{shown(text)} is not a network such as 192.0.2.0/24") from None


def _cidrs(text: str) -> str:
    parts = text.replace(",", " ").split()
    if not parts:
        raise NotThatType("at least one network is needed")
    return " ".join(_cidr(part) for part in parts)


def _port(text: str) -> str:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 65535:
        raise NotThatType(f"{shown(text)} is not a port between 1 and 65535")
    return str(int(text))


def _duration(text: str) -> str:
    seconds(text)
    return text.strip()


def _time(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise NotThatType(
            f"{shown(text)} is not a time such as 2026-11-21 03:10 (UTC, or with +01:00)"
        ) from None
    utc = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return utc.isoformat(timespec="seconds").replace("+00:00", "Z")


_LABELS: Final = r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?"

_CHECKS: Final[dict[str, Callable[[str], str]]] = {
    "text": _text,
    "line": _line,
    "int": _integer,
    "bool": _boolean,
    "ip": _ip,
    "cidr": _cidr,
    "cidrs": _cidrs,
    "host": _matching(_LABELS + r"|[0-9a-fA-F:]{2,39}", "a host name or address"),
    "domain": _matching(_LABELS, "a domain name"),
    # No leading dash (it would read as an option) and no character that a queue tool or shell gives a meaning.
    "address": _matching(
        r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.][A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{0,63}@" + _LABELS, "a mail address"
    ),
    "user": _matching(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}(@[A-Za-z0-9.-]{1,253})?", "a login name"),
    # Postfix short and long, Exim 6-6-2 and 6-11-4, OpenSMTPD 8 or 16 hex, Sendmail 8+6.
    "queue-id": _matching(
        r"[0-9A-Za-z]{6,25}|[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}", "a queue id"
    ),
    "duration": _duration,
    "path": _matching(r"/[A-Za-z0-9._/@+-]{0,1000}", "an absolute path of ordinary characters"),
    "port": _port,
    "choice": _line,
    "file": _line,
    "optional-file": _line,
    "time": _time,
    "optional-time": _time,
}


def check(type_name: str, text: str) -> str:
    """The value in its canonical spelling; raises NotThatType with a sentence for the operator."""
    if "\x00" in text:
        raise NotThatType(f"{shown(text)} holds a NUL character")
    return _CHECKS[type_name](text)
