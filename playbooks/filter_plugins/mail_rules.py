"""How a list of an admin's settings becomes the nearest safe one. Pure; tests/playbooks/test_mail_rules.py."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

# postconf(5): these end relaying for everybody that no earlier permit named.
GUARDS = ("reject_unauth_destination", "defer_unauth_destination", "reject", "defer")
# Permits that ask who the client is, not what it says of itself.
PROVEN = ("permit_mynetworks", "permit_sasl_authenticated", "permit_tls_clientcerts")
PARAMETERISED = re.compile(r"^(?:check_\w+|reject_rbl_client|reject_rhsbl_\w+|permit_dnswl_client|permit_rhswl_client)$")
LOOPBACK = ("127.0.0.0/8", "[::ffff:127.0.0.0]/104", "[::1]/128")


def _items(restrictions: str) -> list[str]:
    """A restriction list as items; an access check keeps its table."""
    words = [word for word in re.split(r"[\s,]+", re.sub(r"\{.*?\}", lambda m: m.group().replace(" ", "\0"), restrictions)) if word]
    items: list[str] = []
    for word in words:
        if items and PARAMETERISED.match(items[-1]):
            items[-1] += f" {word}"
        else:
            items.append(word)
    return [item.replace("\0", " ") for item in items]


def relay_restrictions(present: str, ending: str = "reject_unauth_destination") -> str:
    """Postfix: the list in which nobody relays on his own word.

    Items that may say OK by what the client claims (HELO name, sender, host name) move behind the guard, so that they
    still decide about mail for this host's own domains; what the client proves stays in front.
    """
    items = _items(present)
    guard = next((at for at, item in enumerate(items) if item in GUARDS), len(items))
    ahead, behind = items[:guard], items[guard + 1 :]
    kept = [item for item in ahead if item in PROVEN or item.startswith(("reject", "defer", "warn_if_reject", "sleep"))]
    moved = [item for item in ahead if item not in kept and item != "permit" and item != "permit_mx_backup"]
    if not items:
        kept = ["permit_mynetworks", "permit_sasl_authenticated"]
    found = items[guard] if guard < len(items) else ""
    closing = found if found == "reject" else ending
    return ", ".join([*kept, closing, *moved, *(item for item in behind if item != closing)])


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    found = re.match(r"^\[?([0-9A-Fa-f:.]+)\]?(?:/(\d+))?$", text)
    if not found:
        return None
    try:
        return ipaddress.ip_network(found.group(1) + (f"/{found.group(2)}" if found.group(2) else ""), strict=False)
    except ValueError:
        return None


def _inside(network: Any, allowed: list[Any]) -> bool:
    return any(network.version == one.version and network.subnet_of(one) for one in allowed)


def narrow_networks(present: list[str] | str, trusted: list[str], addresses: list[str]) -> list[str]:
    """Networks that may relay: loopback, the host itself and what the inventory trusts. Everything else is left out.

    Entries that are no networks (tables, names, '!' exceptions) stay: only their author knows what they hold.
    """
    entries = [one for one in re.split(r"[\s,;]+", present) if one] if isinstance(present, str) else present
    allowed = [net for one in [*trusted, *addresses, "127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104"] if (net := _network(one))]
    kept = []
    for entry in entries:
        network = _network(entry)
        if (network is None and not re.match(r"^(?:static:|\*$|0\.0\.0\.0)", entry)) or (network is not None and _inside(network, allowed)):
            kept.append(entry)
    known = [net for one in kept if (net := _network(one))]
    return kept + [one for one in trusted if (net := _network(one)) and net not in known and not _inside(net, known)]


def mynetworks(present: str, trusted: list[str], addresses: list[str]) -> str:
    """Postfix: the value of mynetworks after narrowing, IPv6 in its brackets."""
    kept = narrow_networks(present, trusted, addresses) or list(LOOPBACK)
    return " ".join(re.sub(r"^([0-9A-Fa-f]*:[0-9A-Fa-f:.]*)", r"[\1]", one) for one in kept)


def without_catch_all(present: str) -> str:
    """Postfix relay_domains or Exim dc_relay_domains without the entries that mean every domain."""
    separator = ":" if re.search(r"\s:\s|^\*$|:\*|\*:", present) else None
    entries = [one.strip() for one in (present.split(":") if separator else re.split(r"[\s,]+", present))]
    return (" : " if separator else ", ").join(one for one in entries if one and one != "*" and not one.startswith("static:"))


def _doors(present: list[str]) -> dict[str, str]:
    """The service of 587 and that of 465, under the names that this master.cf has for them already."""
    implicit = next((name for name in ("smtps/inet", "465/inet") if name in present), "submissions/inet")
    return {"smtpd_tls_security_level": "587/inet" if "587/inet" in present else "submission/inet", "smtpd_tls_wrappermode": implicit}


def submission_services(present: list[str]) -> dict[str, str]:
    """Postfix: lines of master.cf for the doors of RFC 6409 and RFC 8314 that are not there yet."""
    names = [name for name in _doors(present).values() if name not in present]
    return {name: f"{name.split('/')[0]} inet n - y - - smtpd" for name in names}


def submission_options(present: list[str], socket: str, senders: str) -> dict[str, str]:
    """Postfix: what each of those doors asks: TLS, then a login at Dovecot, and nothing of main.cf that is for strangers."""
    wanted = {}
    for parameter, door in _doors(present).items():
        wanted |= {
            f"{door}/syslog_name": "postfix/" + ("submission" if parameter == "smtpd_tls_security_level" else "submissions"),
            f"{door}/{parameter}": "encrypt" if parameter == "smtpd_tls_security_level" else "yes",
            f"{door}/smtpd_sasl_auth_enable": "yes",
            f"{door}/smtpd_sasl_type": "dovecot",
            f"{door}/smtpd_sasl_path": socket,
            f"{door}/smtpd_tls_auth_only": "yes",
            f"{door}/smtpd_client_restrictions": "permit_sasl_authenticated,reject",
            f"{door}/smtpd_helo_restrictions": "permit_sasl_authenticated,reject",
            f"{door}/smtpd_sender_login_maps": senders,
            f"{door}/smtpd_sender_restrictions": "reject_sender_login_mismatch,permit_sasl_authenticated,reject",
            f"{door}/smtpd_relay_restrictions": "permit_sasl_authenticated,reject",
        }
    return wanted


_LOGIN, _DOMAIN = r"[A-Za-z0-9._+=-]+(?:@[A-Za-z0-9.-]+)?", r"[A-Za-z0-9.-]+"


def _owners(senders: dict[str, list[str]]) -> dict[str, list[str]]:
    """Logins by the ADDRESS or @DOMAIN that they may use. Raises ValueError for what is neither, before anything is written."""
    owners: dict[str, list[str]] = {}
    for login, addresses in senders.items():
        for address in addresses:
            if not re.fullmatch(_LOGIN, login) or not re.fullmatch(rf"(?:[A-Za-z0-9._+=-]+)?@{_DOMAIN}", address):
                raise ValueError(f"mail_senders: {login}: {address}: a login, and an address or @domain, are needed")
            owners.setdefault(address.lower(), []).append(login)
    return dict(sorted(owners.items(), key=lambda item: (item[0].startswith("@"), item[0])))


def postfix_senders(senders: dict[str, list[str]], domains: list[str]) -> str:
    """Postfix, regexp_table(5): who owns an address. LOGIN@ at the host's domains is LOGIN's; a login that is an address owns itself.

    An address with an extension matches no line, so Postfix asks again without it.
    """
    lines = []
    for address, logins in _owners(senders).items():
        local, domain = re.escape(address.partition("@")[0]), re.escape(address.partition("@")[2])
        lines.append(f"/^({local or '[^@+]+'})@({domain})$/ {', '.join(dict.fromkeys(logins))}, ${{1}}, ${{1}}@${{2}}")
    own = "|".join(re.escape(domain) for domain in domains)
    return "\n".join([*lines, f"/^([^@+]+)@({own})$/ ${{1}}, ${{1}}@${{2}}", "/^([^@+]+@[^@]+)$/ ${1}", ""])


def exim_senders(senders: dict[str, list[str]]) -> str:
    """Exim, lsearch: LOGIN: an address list."""
    _owners(senders)
    return "".join(f"{login}: {' : '.join(('*' if one.startswith('@') else '') + one for one in senders[login])}\n" for login in sorted(senders))


def opensmtpd_senders(senders: dict[str, list[str]], domains: list[str], accounts: list[str]) -> str:
    """OpenSMTPD, table(5): LOGIN: addresses; it has no way to say "everybody's own", so accounts are named one by one."""
    _owners(senders)
    lines = []
    for login in sorted({*accounts, *senders}):
        own = [login] if "@" in login else [f"{login}@{domain}" for domain in domains]
        lines.append(f"{login}: {', '.join([*own, *senders.get(login, [])])}\n")
    return "".join(lines)


def sendmail_senders(senders: dict[str, list[str]]) -> str:
    """Sendmail, a map of the type text: LOGIN/ADDRESS or LOGIN/@DOMAIN, lower case as rules have it."""
    return "".join(f"{login}/{address}:OK\n" for address, logins in _owners(senders).items() for login in logins)


def with_ports(present: str, wanted: list[int]) -> str:
    """Exim: a list of ports with these in it."""
    found = [one.strip() for one in present.split(":") if one.strip()]
    return " : ".join([*found, *(str(port) for port in wanted if str(port) not in found)])


def with_access_check(present: str, check: str) -> str:
    """Postfix: the restrictions with this access check in front of whatever may say OK."""
    return ", ".join([check, *(item for item in _items(present) if item != check)])


def with_access_checks(options: dict[str, str], parameter: str, check: str) -> dict[str, str]:
    """Postfix: the same for each service of master.cf that has restrictions of its own."""
    own = {name: value for name, value in options.items() if name.endswith(f"/{parameter}")}
    return {name: with_access_check(value, check) for name, value in own.items()}


def without_local_parts(present: str, unwanted: list[str]) -> str:
    """Exim: a list of local parts that are refused, without some of them; what is left stays as it was written.

    Spec 6.21: items are separated by colons, or by the character that the list begins with after "<"; doubled it is none.
    """
    begun = re.match(r"\s*<(\S)", present)
    mark = re.escape(begun.group(1) if begun else ":")
    lead = begun.group() if begun else ""
    items = re.split(rf"(?<!{mark}){mark}(?!{mark})", present[len(lead) :])
    kept = [item for item in items if item.strip() not in unwanted]
    return (lead + (begun.group(1) if begun else ":").join(kept)).strip() if kept != items else present


SMTP_DOORS, BOX_DOORS = "smtp,465,submission", "pop3,pop3s,imap,imaps,sieve"
# fail2ban's own jails and what it has to be told of Debian: bookworm's Postfix logs under postfix@-.service, Exim into a file alone.
JAILS: dict[str, dict[str, str]] = {
    "postfix": {"name": "postfix-sasl", "filter": "postfix[mode=auth]", "journal": "SYSLOG_FACILITY=2"},
    "exim": {"name": "exim", "filter": "auditor-exim", "file": "/var/log/exim4/mainlog", "always": "yes"},
    "sendmail": {"name": "sendmail-auth", "journal": "SYSLOG_FACILITY=2"},
    "opensmtpd": {"name": "auditor-opensmtpd", "filter": "auditor-opensmtpd", "journal": "SYSLOG_FACILITY=2"},
}


def guessing_jails(mail: dict[str, Any]) -> list[dict[str, str]]:
    """The jails of fail2ban for what runs on this host; Dovecot 2.4 says "Login aborted", which the packaged filter does not know."""
    found = [{"file": "/var/log/mail.log", "port": f"{SMTP_DOORS},{BOX_DOORS}"} | JAILS[mail["mta"]]]
    if mail["dovecot"]:
        own = {"filter": "auditor-dovecot"} if [int(part) for part in mail["dovecot"].split(".")[:2]] >= [2, 4] else {}
        found.append({"name": "dovecot", "file": "/var/log/mail.log", "journal": "SYSLOG_FACILITY=2", "port": f"{SMTP_DOORS},{BOX_DOORS}"} | own)
    return [*found, {"name": "sshd", "file": "/var/log/auth.log", "journal": "_SYSTEMD_UNIT=ssh.service", "port": "ssh"}]


class FilterModule:
    """Filters of the playbooks."""

    def filters(self) -> dict[str, Any]:
        return {
            "relay_restrictions": relay_restrictions,
            "narrow_networks": narrow_networks,
            "mynetworks": mynetworks,
            "without_catch_all": without_catch_all,
            "submission_services": submission_services,
            "submission_options": submission_options,
            "postfix_senders": postfix_senders,
            "exim_senders": exim_senders,
            "opensmtpd_senders": opensmtpd_senders,
            "sendmail_senders": sendmail_senders,
            "with_ports": with_ports,
            "without_local_parts": without_local_parts,
            "guessing_jails": guessing_jails,
            "with_access_check": with_access_check,
            "with_access_checks": with_access_checks,
        }
