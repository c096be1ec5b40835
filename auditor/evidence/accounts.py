"""Accounts that somebody may log in to, as far as their names are those that guessers try first."""

import re
from dataclasses import dataclass

DEFAULT_NAMES = (
    "administrator",
    "admin",
    "test",
    "tester",
    "testuser",
    "guest",
    "demo",
    "user",
    "default",
    "sample",
)
"""Names that installers and manuals create; personal names never leave the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultAccounts:
    """Accounts with such a name and a password that is not locked."""

    found: tuple[tuple[str, str], ...] = ()
    """(place, name): ("/etc/shadow", "test"), ("/etc/dovecot/users", "admin@example.org")."""
    elsewhere: tuple[str, ...] = ()
    """Databases that Dovecot asks besides, which were not looked into: "sql", "ldap"."""


def parse_accounts(text: str) -> DefaultAccounts:
    """Lines "PLACE|NAME", and "database|DRIVER"."""
    rows = [tuple(line.split("|", 1)) for line in text.splitlines() if "|" in line]
    found = tuple((place, name[:80]) for place, name in rows if place != "database")
    elsewhere = {name for place, name in rows if place == "database" and re.fullmatch(r"[a-z]{2,12}", name)}
    return DefaultAccounts(found=tuple(dict.fromkeys(found)), elsewhere=tuple(sorted(elsewhere)))
