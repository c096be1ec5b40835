"""How much one login may send, as the programs that count it were told."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.evidence.mta_settings import MtaSettings
from auditor.evidence.outbound_helpers import login_helpers
from auditor.evidence.units import MailHelpers

DAY = 86400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY, "min": 60, "hour": 3600, "day": DAY}
COUNTERS = ("postfwd", "policyd-rate-limit", "rspamd")
"""Programs whose limits are read."""
COUNT_NOTHING = (
    "postgrey",
    "dkim",
    "opendmarc",
    "dovecot",
    "postsrsd",
    "unbound",
    "named",
    "clamav",
    "clamsmtp",
)
"""Parts of names of helpers of whom it is known that they limit nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingLimit:
    """So many messages or recipients of one login in so many seconds."""

    program: str
    count: int
    seconds: int
    text: str

    @property
    def per_day(self) -> int:
        """What one login can send in a day at the most."""
        return self.count * DAY // self.seconds if self.seconds < DAY else self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingLimits:
    """Limits per login in the files of postfwd, policyd-rate-limit and rspamd, whether they run or not."""

    found: tuple[SendingLimit, ...] = ()


def seconds_of(text: str) -> int:
    """Of "1d", "1h30m", "3600" or "1 hour"; 0 for anything else."""
    word = text.strip().lower()
    if word.isascii() and word.isdigit():
        return int(word[:9])
    parts = re.findall(r"(\d{1,6})\s*(min|hour|day|[smhdw])", word)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _limit(program: str, count: str, period: str, text: str) -> Iterator[SendingLimit]:
    seconds = seconds_of(period)
    if seconds and count:
        yield SendingLimit(program=program, count=int(count[:9]), seconds=seconds, text=text.strip()[:120])


def exim_limits(values: Iterable[str]) -> Iterator[SendingLimit]:
    """As in `500 / 1d / per_rcpt / strict / user-$authenticated_id`: the key names the login."""
    for value in values:
        found = re.match(r"\s*(\d{1,9})\s*/\s*([\dsmhdw]{1,12})\s*/(.*authenticated_id.*)", value)
        if found:
            yield from _limit("exim", found[1], found[2], value)


def postfwd_limits(text: str) -> Iterator[SendingLimit]:
    """`action=rcpt(sasl_username/500/86400/450 …)` (postfwd(8): rate counts requests, rcpt recipients)."""
    for found in re.finditer(
        r"^[^#\n]*?\b(?:rate|rcpt)\w*\(\s*\$*(\w+)/(\d{1,9})/(\d{1,9})/", text, re.MULTILINE
    ):
        if found[1] == "sasl_username":
            yield from _limit("postfwd", found[2], found[3], found[0].partition("action=")[2] or found[0])


def policyd_limits(text: str) -> Iterator[SendingLimit]:
    """`limits: [[150, 86400]]`, in either style of YAML; by login unless limit_by_sasl says otherwise."""
    plain = re.sub(r"#.*", "", text)
    if re.search(r"^limit_by_sasl:\s*(?:false|no|off)\s*$", plain, re.MULTILINE | re.IGNORECASE):
        return
    block = re.search(r"^limits:(.*?)(?=^\w|\Z)", plain, re.MULTILINE | re.DOTALL)
    numbers = re.findall(r"\d{1,9}", block[1]) if block else []
    for count, seconds in zip(numbers[::2], numbers[1::2], strict=False):
        yield from _limit("policyd-rate-limit", count, seconds, f"{count} in {seconds} s")


def rspamd_limits(text: str) -> Iterator[SendingLimit]:
    """Rates such as "500 / 1d" in a bucket of `user`, or of one whose selector is the user."""
    said: dict[str, str] = {}
    path: list[str] = []
    word = ""
    for piece in re.findall(r"[{}]|[^{}]+", re.sub(r"#.*", "", text)):
        if piece == "{":
            path.append(word)
        elif piece == "}":
            path = path[:-1]
        else:
            owner = next((name for name in path if name not in {"", "rates"}), "")
            said[owner] = said.get(owner, "") + piece
            word = (re.findall(r"\w+", piece[-80:]) or [""])[-1]
    for name, body in said.items():
        selector = re.search(r"selector\s*=\s*[\"']([^\"']*)", body)
        if name == "user" or (selector and re.match(r"(?:id\([^)]*\);\s*)?user\b", selector[1])):
            for count, period in re.findall(r"rate\s*=\s*[\"'](\d{1,9})\s*/\s*([\w ]{1,12})[\"']", body):
                yield from _limit("rspamd", count, period, f"{name}: {count} / {period}")


_READ = {"postfwd": postfwd_limits, "policyd-rate-limit": policyd_limits, "rspamd": rspamd_limits}


def parse_limits(text: str) -> tuple[SendingLimit, ...]:
    """Parts that begin with "== PROGRAM"."""
    found: list[SendingLimit] = []
    for part in re.split(r"^== ", text, flags=re.MULTILINE)[1:]:
        program, _, body = part.partition("\n")
        if program.strip() in _READ:
            found += _READ[program.strip()](body)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsInForce:
    """Limits that the mail program really asks for, and helpers that may count without our seeing it."""

    limits: tuple[SendingLimit, ...]
    opaque: tuple[str, ...]


def in_force(settings: MtaSettings, helpers: MailHelpers, files: SendingLimits) -> LimitsInForce:
    """A limit in the file of a program that nobody asks limits nobody."""
    if settings.exim:
        return LimitsInForce(limits=tuple(exim_limits(settings.exim.rate_limits)), opaque=())
    asked = login_helpers(settings, helpers)
    limits = tuple(limit for limit in files.found if limit.program in asked)
    known = (*COUNTERS, *COUNT_NOTHING)
    opaque = [socket for name, socket in asked.items() if not any(word in name for word in known)]
    return LimitsInForce(limits=limits, opaque=tuple(opaque))
