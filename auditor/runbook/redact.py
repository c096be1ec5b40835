"""Personal data out of an export, by default: addresses, domains and IPs become pseudonyms that stay the same.

The pseudonyms come from a key that stays with the incident, so two exports agree with each other and nobody outside
can turn them back by trying names.
"""

import hashlib
import hmac
import ipaddress
import os
import re
from pathlib import Path
from typing import Final

from auditor.runbook.journal import write_durably

KEY: Final = "redaction.key"
_DOMAIN: Final = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{1,30}"
_PERSONAL: Final = re.compile(
    rf"(?P<address>[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@{_DOMAIN})"
    r"|(?P<ip>(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?![\w:]))"
    rf"|(?P<domain>(?<![\w@./-])(?:{_DOMAIN})(?![\w/]))"
)
# Words with a dot that are no domains: our own file names, units, configuration files.
_HARMLESS: Final = re.compile(
    r".*\.(md|txt|out|err|tar|json|jsonl|sha256|selected|export|manifest|yml|service|socket|timer|conf|cf|cfg|mc|log|key)|"
    r"(queue|port|ssh|smtp|mail|unit|host|login|listener|resolver|isolation|sessions|manifest|accounting|step|temp|undo|timer)\.[a-z-]+"
)


def key_of(folder: Path) -> bytes:
    """The incident's own key, made when it is first needed."""
    path = folder / KEY
    if not path.is_file():
        write_durably(path, os.urandom(32))
    return path.read_bytes()


class Redaction:
    """Replaces personal data and counts what it replaced."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.count = 0

    def __call__(self, text: str) -> str:
        """The text with every address, IP and domain as kind-1a2b3c."""
        return _PERSONAL.sub(self._one, text)

    def _one(self, found: re.Match[str]) -> str:
        kind, word = found.lastgroup or "", found[0]
        if kind == "ip" and not _is_ip(word):
            return word
        if kind == "domain" and _HARMLESS.fullmatch(word.lower()):
            return word
        self.count += 1
        return self.name(kind, word)

    def name(self, kind: str, word: str) -> str:
        """The pseudonym of one word."""
        return f"{kind}-{hmac.new(self._key, word.lower().encode(), hashlib.sha256).hexdigest()[:6]}"


def _is_ip(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True
