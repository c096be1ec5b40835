"""The settings of the mail program that runs, and what follows from them whichever program it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.evidence import opensmtpd, postfix, sendmail
from auditor.evidence.exim import EximSettings
from auditor.evidence.exim import split_list as split_exim_list
from auditor.evidence.mta import Mta, TrustedNetworks, sort_networks
from auditor.evidence.opensmtpd import OpensmtpdSettings
from auditor.evidence.postfix import PostfixSettings
from auditor.evidence.sendmail import SendmailSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MtaSettings:
    """Settings of the one that runs; the other three are None."""

    mta: Mta
    postfix: PostfixSettings | None = None
    exim: EximSettings | None = None
    opensmtpd: OpensmtpdSettings | None = None
    sendmail: SendmailSettings | None = None


def trusted_words(settings: MtaSettings) -> tuple[str, ...]:
    """Who may relay without a login, in the program's own notation."""
    if settings.postfix:
        return postfix.split_list(settings.postfix.get("mynetworks"))
    if settings.exim:
        return split_exim_list(settings.exim.relay_from_hosts or "")
    if settings.opensmtpd:
        return opensmtpd.trusted_sources(settings.opensmtpd)
    if settings.sendmail:
        entries = (
            re.sub(r"^(?:connect|from|to):", "", e, flags=re.IGNORECASE)
            for e in settings.sendmail.relaying_entries
        )
        return (*settings.sendmail.relay_domains, *entries)
    return ()


def trusted_networks(settings: MtaSettings, own_addresses: tuple[str, ...]) -> TrustedNetworks:
    """The same in CIDR."""
    networks, unreadable = sort_networks(trusted_words(settings))
    return TrustedNetworks(
        mta=settings.mta, networks=networks, unreadable=unreadable, own_addresses=own_addresses
    )


def takes_logins(settings: MtaSettings) -> bool:
    """A client may log in somewhere, and so send to the world."""
    if settings.postfix:
        return bool(postfix.login_doors(settings.postfix))
    if settings.exim:
        return bool(settings.exim.authenticators)
    if settings.opensmtpd:
        return bool(opensmtpd.login_listeners(settings.opensmtpd))
    return settings.sendmail is not None and sendmail.takes_logins(settings.sendmail)


def holes(settings: MtaSettings) -> Iterator[tuple[str, str]]:
    """(where, how) a stranger's mail for a foreign domain gets past the rules. "table": a look-up decides."""
    if settings.postfix:
        yield from postfix.relay_holes(settings.postfix)
    if settings.exim:
        for recipient, code in settings.exim.stranger:
            if code // 100 == 2:
                yield recipient, "accepted in a pretended session (exim -bh) from a foreign address"
    if settings.opensmtpd:
        for rule in opensmtpd.open_rules(settings.opensmtpd):
            yield rule.text, "relays for anybody"
    if settings.sendmail and settings.sendmail.strangers_refused is False:
        yield "check_rcpt", f"returned {settings.sendmail.stranger[:100]} for a foreign client and recipient"


def dns_lists(settings: MtaSettings) -> tuple[str, ...]:
    """Blocklist zones that the program asks."""
    if settings.postfix:
        values = [v for n, v in settings.postfix.main if "restrictions" in n]
        values += [v for _, n, v in settings.postfix.overrides if "restrictions" in n]
        zones = re.findall(r"reject_(?:rbl_client|rhsbl_\w+)[\s,]+([\w.-]+)", " ".join(values))
        zones += [
            re.split(r"[=*]", word)[0]
            for word in postfix.split_list(settings.postfix.get("postscreen_dnsbl_sites"))
        ]
        return tuple(dict.fromkeys(zones))
    if settings.exim:
        return settings.exim.dns_lists
    return settings.sendmail.dns_lists if settings.sendmail else ()


def helper_sockets(settings: MtaSettings) -> tuple[str, ...]:
    """Where the program reaches what it depends on: inet:HOST:PORT, unix:PATH, and Sendmail's inet:PORT@HOST."""
    if settings.postfix:
        return tuple(dict.fromkeys(postfix.milter_sockets(settings.postfix)))
    if settings.sendmail:
        return tuple(socket for socket, _ in settings.sendmail.milters)
    if settings.exim:
        return settings.exim.sockets
    return ()
