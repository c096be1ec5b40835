"""How much each login sent in the last day, from the mail log."""

import re
from dataclasses import dataclass

LOG_SEEN = "mail-lines"
"""What stands for the lines that were there to be counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCount:
    """One account that logged in to send."""

    login: str
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentByLogin:
    """Accounts of the last 24 hours, busiest first, at most twenty."""

    logins: tuple[LoginCount, ...] = ()
    log_seen: bool = True
    """The log of that day has a line of the kind in which logins are told."""


def parse_counts(text: str) -> tuple[LoginCount, ...]:
    """`uniq -c` of "sasl_username=alice", "A=plain_server:alice", "authid=alice"."""
    counts: dict[str, int] = {}
    for number, login in re.findall(
        r"^\s*(\d{1,9}) (?:sasl_username=|authid=|A=[^:\s]*:)(\S{1,200})$", text, re.MULTILINE
    ):
        counts[login] = counts.get(login, 0) + int(number)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(LoginCount(login=login, messages=messages) for login, messages in ranked[:20])
