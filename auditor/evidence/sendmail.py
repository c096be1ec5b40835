"""What Sendmail was told: sendmail.cf's options, its classes and access map, and its answer to a stranger."""

import re
from dataclasses import dataclass

_OPTION = re.compile(r"^O\s+([A-Za-z.]+)\s*=\s*(.*)$", re.MULTILINE)
KEPT = {
    "AliasFile",
    "AuthMechanisms",
    "DaemonPortOptions",
    "InputMailFilters",
    "LogLevel",
    "MaxDaemonChildren",
    "MaxMessageSize",
    "MinFreeBlocks",
    "PrivacyOptions",
    "QueueDirectory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendmailSettings:
    """Options in KEPT, in order; milters with their flags; what relays."""

    options: tuple[tuple[str, str], ...] = ()
    milters: tuple[tuple[str, str], ...] = ()
    """(socket as "inet:11332@127.0.0.1", flags: "T" defers, "R" rejects, "" lets pass when it is dead)."""
    relay_domains: tuple[str, ...] = ()
    """Class R: names and address prefixes that relay."""
    relaying_entries: tuple[str, ...] = ()
    """Keys of the access map with the value RELAY."""
    client_limits: tuple[tuple[str, str], ...] = ()
    """("ClientConn", "10"), ("ClientRate", "10"): limits of the access map that hold for every client."""
    sasl_accounts: int | None = 0
    """Accounts in /etc/sasldb2, who log in by DIGEST-MD5 or CRAM-MD5; None where nothing could list them."""
    dns_lists: tuple[str, ...] = ()
    binds_senders: bool = False
    """The local rules for MAIL FROM look at the login."""
    stranger: str = ""
    """What check_rcpt returned for a foreign recipient from a documentation address."""

    @property
    def strangers_refused(self) -> bool | None:
        """None where the rule set gave no answer, or refused for a reason that is none of relaying."""
        if "$# error" not in self.stranger:
            return False if self.stranger else None
        return True if "relay" in self.stranger.lower() else None


def takes_logins(settings: SendmailSettings) -> bool:
    """Somebody can log in. Without AuthMechanisms AUTH is offered all the same, for the accounts of the SASL database."""
    return "AuthMechanisms" in dict(settings.options) or settings.sasl_accounts != 0


def parse_cf(text: str) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(options, milters, DNS lists) of sendmail.cf."""
    options = tuple((name, value.strip()) for name, value in _OPTION.findall(text) if name in KEPT)
    milters = []
    for definition in re.findall(r"^X\w+,\s*(.*)$", text, re.MULTILINE):
        socket = re.search(r"S=((?:inet6?|local|unix):[^,\s]+)", definition)
        flags = re.search(r"F=(\w*)", definition)
        if socket:
            milters.append((socket[1], flags[1] if flags else ""))
    zones = re.findall(r"\$\(dns\w* \$&\{client_addr\}\.([\w.-]+)", text)
    zones += re.findall(r"\$\(\w*dnsbl\w* \$\d\.\$\d\.\$\d\.\$\d\.([\w.-]+)", text)
    return options, tuple(milters), tuple(dict.fromkeys(zone.rstrip(".") for zone in zones))


def binds_senders(cf: str) -> bool:
    """A local rule holds the sender against the login, at a place where a client that logged in comes by.

    m4 writes an empty ruleset and the administrator's own block of that name after it. FEATURE(`delay_checks') calls
    check_mail as "checkmail" from check_rcpt, and only for clients that may not relay: with it, Debian's default, a rule
    in Local_check_mail is never asked about a login (tried with 8.17 and 8.18).
    """
    places = {"rcpt"} if re.search(r"^Scheckmail\b", cf, re.MULTILINE) else {"mail", "rcpt"}
    blocks = re.findall(r"^SLocal_check_(mail|rcpt)\b(.*?)(?=^S|\Z)", cf, re.MULTILINE | re.DOTALL)
    return any(
        place in places
        and "{auth_authen}" in rules
        and "$#error" in rules
        and (place == "mail" or re.search(r"\$&f\b|\{mail_(?:from|addr)\}", rules) is not None)
        for place, rules in blocks
    )


def parse_access(text: str) -> tuple[str, ...]:
    """Keys that relay, from `makemap -u hash access`: "connect:10.1<TAB>RELAY"."""
    found = []
    for line in text.splitlines():
        key, _, value = line.partition("\t")
        if value.strip().upper() == "RELAY":
            found.append(key.strip())
    return tuple(dict.fromkeys(found))


def client_limits(cf: str, access: str) -> tuple[tuple[str, str], ...]:
    """What FEATURE(`ratecontrol') and FEATURE(`conncontrol') find for a client without an entry of its own.

    ConnectionRateThrottle is no such limit: it counts the connections of all clients together.
    """
    entries = dict(
        line.lower().split(None, 1) for line in access.splitlines() if len(line.split(None, 1)) == 2
    )
    return tuple(
        (feature, value)
        for feature in ("ClientConn", "ClientRate")
        if f"<! {feature}>" in cf and (value := entries.get(f"{feature.lower()}:", "").strip())
    )


_RETURNS = re.compile(r"\b(Basic_check_rcpt|check_rcpt)\s+returns:(.*)")


def parse_test_mode(text: str) -> tuple[tuple[str, ...], str]:
    """(members of class R, what check_rcpt returned) from address test mode fed with TEST_MODE_INPUT."""
    members, verdicts = [], {}
    for line in text.splitlines():
        asked = _RETURNS.search(line)
        if asked:
            verdicts[asked[1]] = asked[2].strip()
        if "check_rcpt" in line or verdicts:
            continue  # the class comes first; what follows are rules at work and the last prompt
        plain = re.sub(r"^(?:> )+", "", line).strip()
        if plain and " " not in plain and not plain.startswith(("ADDRESS", "Enter")):
            members.append(plain)
    # With delay_checks (Debian's default) check_rcpt goes on to judge the sender, and a promiscuous host
    # that does not like ours would seem to refuse to relay; Basic_check_rcpt is the relay rule alone.
    return tuple(members), verdicts.get("Basic_check_rcpt", verdicts.get("check_rcpt", ""))
