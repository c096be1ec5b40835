"""How people reach the operators, and whether that way leads through the platform itself."""

import re
from dataclasses import dataclass

from auditor.model import Unavailable

_ADDRESS = re.compile(r"[^\s<>,;:@]+@([A-Za-z0-9.-]+\.[A-Za-z0-9-]+)")
_PHONE = re.compile(r"(?:\d[\s()/.-]*){6,}\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One way to reach somebody."""

    source: str
    """"mail_contacts: owner", "SOA of example.org", "DMARC reports"."""
    text: str
    on_platform: bool = False
    """It is a mailbox, and the mail hosts of the audited domain serve it."""
    unknown: Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """Those of the inventory and those that the DNS publishes."""

    declared: tuple[Contact, ...] = ()
    published: tuple[Contact, ...] = ()


def mail_domains(text: str) -> tuple[str, ...]:
    """Domains of all mail addresses in a line that people wrote."""
    return tuple(match.rstrip(".").lower() for match in _ADDRESS.findall(text))


def has_phone(text: str) -> bool:
    """Seven digits or more, as a telephone number has."""
    return bool(_PHONE.search(text))


def soa_mailbox(record: str) -> str:
    """The person responsible, from an SOA record: the first dot without backslash is the @ (RFC 1035 section 8)."""
    words = record.split()
    if len(words) < 2:
        return ""
    local, _, domain = re.sub(r"(?<!\\)\.", "\n", words[1], count=1).partition("\n")
    mailbox = local.replace("\\.", ".")
    return f"{mailbox}@{domain.rstrip('.').lower()}" if mailbox and domain.strip(".") else ""
