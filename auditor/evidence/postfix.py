"""What Postfix was told: main.cf as it takes effect, and what master.cf overrides per service."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

WANTED = (
    "alias_database",
    "alias_maps",
    "anvil_rate_time_unit",
    "bounce_queue_lifetime",
    "compatibility_level",
    "content_filter",
    "default_privs",
    "inet_interfaces",
    "mail_version",
    "maillog_file",
    "maximal_queue_lifetime",
    "message_size_limit",
    "milter_default_action",
    "mydestination",
    "mynetworks",
    "non_smtpd_milters",
    "permit_mx_backup_networks",
    "postscreen_dnsbl_sites",
    "queue_directory",
    "queue_minfree",
    "relay_domains",
    "smtpd_client_connection_count_limit",
    "smtpd_client_connection_rate_limit",
    "smtpd_client_message_rate_limit",
    "smtpd_client_recipient_rate_limit",
    "smtpd_client_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
    "smtpd_forbid_bare_newline",
    "smtpd_helo_restrictions",
    "smtpd_milters",
    "smtpd_recipient_restrictions",
    "smtpd_reject_unlisted_sender",
    "smtpd_relay_restrictions",
    "smtpd_sasl_auth_enable",
    "smtpd_sasl_path",
    "smtpd_sasl_type",
    "smtpd_sender_login_maps",
    "smtpd_sender_restrictions",
    "smtpd_tls_cert_file",
    "smtpd_tls_chain_files",
    "syslog_facility",
    "virtual_alias_maps",
)
"""Parameters that some check needs. No others are asked for, so none that holds a password can come over."""
RESTRICTION_LISTS = (
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
)
_STOPS = {"reject_unauth_destination", "defer_unauth_destination", "reject", "defer"}
_SPOOFABLE = {"check_sender_access", "check_helo_access", "check_reverse_client_hostname_access"}
_OPENING = {"permit", "permit_mx_backup", "permit_naked_ip_address", "permit_tls_all_clientcerts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostfixService:
    """One line of master.cf."""

    name: str
    kind: str
    """"inet", "unix", "pass" …"""
    private: str
    chroot: str
    program: str

    @property
    def takes_mail_from_the_network(self) -> bool:
        """An smtpd or postscreen behind a TCP port, or an smtpd that postscreen hands over to."""
        return self.kind in {"inet", "pass"} and self.program in {"smtpd", "postscreen"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostfixSettings:
    """Parameters in WANTED, expanded; overrides beat them (postconf(5), master(5))."""

    main: tuple[tuple[str, str], ...] = ()
    services: tuple[PostfixService, ...] = ()
    overrides: tuple[tuple[str, str, str], ...] = ()
    """(service "submission/inet", parameter, value)."""

    def get(self, parameter: str, service: PostfixService | None = None) -> str:
        """The value that takes effect for a service, or "" where this version has no such parameter."""
        if service is not None:
            for name, overridden, value in self.overrides:
                if name == f"{service.name}/{service.kind}" and overridden == parameter:
                    return value
        return dict(self.main).get(parameter, "")

    @property
    def doors(self) -> tuple[PostfixService, ...]:
        """Services that take mail over TCP."""
        return tuple(service for service in self.services if service.takes_mail_from_the_network)


def parse_parameters(text: str) -> tuple[tuple[str, str], ...]:
    """`postconf -x NAME…`: one "name = value" a line."""
    found = []
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() in WANTED:
            found.append((name.strip(), value.strip()))
    return tuple(found)


def parse_services(text: str) -> tuple[PostfixService, ...]:
    """`postconf -M`: the eight columns; options on lines that follow are read from `postconf -P`."""
    found = []
    for line in text.splitlines():
        columns = line.split()
        if len(columns) >= 8 and not line[:1].isspace() and not line.startswith("#"):
            name, kind, private, _, chroot, _, _, program = columns[:8]
            found.append(
                PostfixService(name=name, kind=kind, private=private, chroot=chroot, program=program)
            )
    return tuple(found)


def parse_overrides(text: str) -> tuple[tuple[str, str, str], ...]:
    """`postconf -Px`: "submission/inet/smtpd_tls_security_level = encrypt"."""
    found = []
    for line in text.splitlines():
        place, equals, value = line.partition("=")
        service, _, parameter = place.strip().rpartition("/")
        if equals and parameter in WANTED:
            found.append((service, parameter, value.strip()))
    return tuple(found)


def parse_complaints(stderr: str) -> tuple[str, ...]:
    """Warnings of postconf, without the path of the file, for it says nothing new."""
    lines = (line.partition("postconf: ")[2] or line for line in stderr.splitlines())
    # "unknown parameter" answers our own question about one that this version does not have yet.
    said = (
        line
        for line in lines
        if line.startswith(("warning: ", "fatal: ", "error: ")) and "unknown parameter" not in line
    )
    return tuple(dict.fromkeys(line[:200] for line in said))


def split_list(value: str) -> tuple[str, ...]:
    """Words of a list parameter, which commas, blanks or both divide; {…} stays one word."""
    return tuple(re.findall(r"\{[^{}]*\}|[^\s,{}]+", value))


def verdict_on_strangers(restrictions: str) -> str:
    """What one restriction list does with mail from a stranger for a foreign domain.

    "stops"; "open" when it ends, or permits, before anything stops it; "table" when a look-up whose content
    is not known comes first; "spoofable" when that look-up goes by what the client merely claims.
    """
    met = "stops"
    for word in split_list(restrictions):
        if word in _STOPS:
            return met
        if word in _OPENING:
            return "open"
        if word in _SPOOFABLE:
            met = "spoofable"
        elif word.startswith(("check_", "permit_dnswl", "permit_rhswl")) and met != "spoofable":
            met = "table"
    return "open"


def relay_holes(settings: PostfixSettings) -> Iterator[tuple[str, str]]:
    """(service, how strangers get through) of every door where no restriction list surely stops them.

    Every list must permit, so one list that stops strangers is enough (SMTPD_ACCESS_README).
    """
    for service in settings.doors:
        if service.program == "postscreen":
            continue  # hands over to the smtpd of type "pass"
        found = {name: verdict_on_strangers(settings.get(name, service)) for name in RESTRICTION_LISTS}
        if "stops" in found.values():
            continue
        for kind in ("table", "spoofable", "open"):
            if kind in found.values():
                yield service.name, kind
                break


def login_doors(settings: PostfixSettings) -> tuple[PostfixService, ...]:
    """Doors at which a client may log in."""
    return tuple(door for door in settings.doors if settings.get("smtpd_sasl_auth_enable", door) == "yes")


def milter_sockets(settings: PostfixSettings) -> Iterator[str]:
    """Sockets of milters, policy services, content filters, SASL and socketmaps, in Postfix's own notation."""
    values = [value for _, value in settings.main] + [value for *_, value in settings.overrides]
    names = {"smtpd_milters", "non_smtpd_milters", "content_filter"}
    listed = [v for n, v in settings.main if n in names] + [v for _, n, v in settings.overrides if n in names]
    for value in listed:
        for word in split_list(value):
            plain = word.strip("{} ").split(",")[0].split()[0] if word.strip("{} ") else ""
            if ":" in plain:
                yield plain
    for value in values:
        yield from re.findall(r"check_policy_service[\s,]+\{?\s*((?:inet|unix):[^\s,}]+)", value)
        yield from (f"inet:{place}" for place in re.findall(r"socketmap:inet:([^\s:,]+:\d+)", value))
    if settings.get("smtpd_sasl_type") == "dovecot" and login_doors(settings):
        path = settings.get("smtpd_sasl_path")
        yield path if ":" in path else f"unix:{path}"


def takes_bare_newlines(settings: PostfixSettings) -> bool | None:
    """What smtpd_forbid_bare_newline leaves open at port 25; None where this version does not know it."""
    said = settings.get("smtpd_forbid_bare_newline")
    return None if not said else said.lower() == "no"
