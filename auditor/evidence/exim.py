"""What Exim was told, from `exim -bP config`, and what it answered a stranger in a pretended session."""

import re
from dataclasses import dataclass

WANTED = (
    "acl_smtp_data",
    "acl_smtp_predata",
    "acl_smtp_rcpt",
    "dnslists",
    "log_file_path",
    "smtp_accept_max",
    "smtp_accept_max_per_host",
    "spool_directory",
    "timeout_frozen_after",
)
"""Main options that some check needs; the others, which may hold passwords, are dropped while reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EximSettings:
    """Options in WANTED; what relays to whom; the outcome of a session that Exim only pretended (-bh)."""

    version: str = ""
    options: tuple[tuple[str, str], ...] = ()
    relay_from_hosts: str | None = None
    """Debian's host list; None in a configuration that was written without it."""
    rate_limits: tuple[str, ...] = ()
    """Values of `ratelimit` conditions, from the configuration and the ACL files beside it."""
    authenticators: tuple[str, ...] = ()
    """Drivers of the authenticators that serve clients."""
    binds_senders: bool = False
    """Some condition compares the sender with $authenticated_id."""
    scans: bool = False
    """Some rule has messages looked through for spam."""
    scans_viruses: bool = False
    dns_lists: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    """Where it talks to helpers: spamd, clamd, Dovecot's authentication, readsocket."""
    stranger: tuple[tuple[str, int], ...] = ()
    """(recipient, reply code) of a client at a documentation address; code 0 where it was never asked."""

    def get(self, option: str) -> str:
        """A main option, "" where it is not set."""
        return dict(self.options).get(option, "")


def split_list(value: str) -> tuple[str, ...]:
    """An Exim list: colons divide, doubled colons are one, "<;" at the start names another divider."""
    text, divider = value.strip(), ":"
    changed = re.match(r"<\s*([^\s\w])\s*", text)
    if changed:
        text, divider = text[changed.end() :], changed[1]
    parts = text.replace(divider * 2, "\0").split(divider)
    return tuple(part.replace("\0", divider).strip() for part in parts if part.strip())


def parse_config(
    text: str,
) -> tuple[tuple[tuple[str, str], ...], str | None, tuple[str, ...], tuple[str, ...]]:
    """(main options, relay_from_hosts, dnslists, sockets) of `exim -bP config`."""
    main, _, _ = text.partition("\nbegin ")
    options = []
    for line in main.splitlines():
        name, equals, value = line.strip().removeprefix("hide ").partition("=")
        if equals and name.strip() in WANTED:
            options.append((name.strip(), value.strip()))
    relay = re.search(r"^\s*hostlist\s+relay_from_hosts\s*=[ \t]*(.*)$", main, re.MULTILINE)
    lists = re.findall(r"^\s*!?\s*dnslists\s*=[ \t]*(.*)$", text, re.MULTILINE)
    zones = (
        re.split(r"[=!&/,<]", zone, maxsplit=1)[0].strip() for value in lists for zone in split_list(value)
    )
    sockets = re.findall(r"^\s*(?:server_socket|spamd_address|av_scanner)\s*=[ \t]*(.*)$", text, re.MULTILINE)
    return (
        tuple(options),
        relay[1].strip() if relay else None,
        tuple(dict.fromkeys(zone for zone in zones if "." in zone and "$" not in zone)),
        tuple(dict.fromkeys(socket.strip() for socket in sockets)),
    )


def parse_authenticators(text: str) -> tuple[str, ...]:
    """Drivers in the section "authenticators" that have a server side."""
    section = re.search(r"^begin authenticators$(.*?)(?:^begin |\Z)", text, re.MULTILINE | re.DOTALL)
    blocks = re.split(r"^\s*\w+:\s*$", section[1], flags=re.MULTILINE) if section else []
    found = [
        re.search(r"^\s*driver\s*=\s*(\w+)", block, re.MULTILINE) for block in blocks if "server_" in block
    ]
    return tuple(driver[1] for driver in found if driver)


def binds_senders(text: str) -> bool:
    """`!senders = …$authenticated_id…`, or its `!condition` with $sender_address in one line."""
    return bool(
        re.search(r"^\s*!\s*senders\s*=.*\$\{?(?:quote:)?authenticated_id", text, re.MULTILINE)
        or re.search(
            r"^\s*!?\s*condition\s*=.*(?:sender_address.*authenticated_id|authenticated_id.*sender_address)",
            text,
            re.MULTILINE,
        )
    )


def scans(text: str, condition: str = "spam") -> bool:
    """`spam = …` (or `malware = …`) among the conditions."""
    return bool(re.search(rf"^\s*!?\s*{condition}\s*=", text, re.MULTILINE))


def parse_rate_limits(text: str) -> tuple[str, ...]:
    """Values of `ratelimit = …`, comments left out."""
    return tuple(dict.fromkeys(re.findall(r"^\s*!?\s*ratelimit\s*=[ \t]*(\S.*?)\s*$", text, re.MULTILINE)))


def parse_session(transcript: str, recipients: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Replies to the RCPT commands of a -bh session that sends EHLO, MAIL and then these recipients."""
    finals = [int(line[:3]) for line in transcript.splitlines() if re.match(r"\d{3} ", line)]
    after = finals[3:]  # banner, EHLO, MAIL
    return tuple((name, after[i] if i < len(after) else 0) for i, name in enumerate(recipients))
