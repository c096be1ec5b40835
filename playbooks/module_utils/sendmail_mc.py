"""sendmail.mc, changed line by line: the doors for users, and whose address a login may use."""

from __future__ import annotations

import re

MARK = "dnl # auditor: "
_DAEMON = re.compile(r"^[ \t]*DAEMON_OPTIONS\(`(?P<options>[^'\n]*)'\)")
_PORTS = {"25": 25, "smtp": 25, "587": 587, "submission": 587, "465": 465, "submissions": 465, "smtps": 465, "urd": 465}
# cf/README, DAEMON_OPTIONS: E no ETRN, a after a login only, s TLS from the start, A no AUTH.
_DOORS = {587: ("submission", "Ea"), 465: ("submissions", "Eas")}

RULES = """\
LOCAL_CONFIG
# Written by the playbook submission: lines of login/address:OK and login/@domain:OK.
F{AuditorDomains}-o /etc/mail/auditor-domains
Kauditorsenders text -o -k0 -v1 -z: /etc/mail/auditor-senders
LOCAL_RULESETS
# Written by the playbook submission: who logged in sends under an address of that login, or as nobody.
SLocal_check_rcpt
R$*\t$: <$&{auth_authen}> $&f
R<> $*\t$@ OK
R<$+>\t$@ OK
R<$+> <>\t$@ OK
R<$+> <$+>\t$: <$1> $2
R<$+> $&{auth_authen}\t$@ OK
R<$+> $+\t$: $>CanonAddr $2
R$* <@ $* .>\t$: $1 <@ $2>
R$&{auth_authen} <@ $=w>\t$@ OK
R$&{auth_authen} + $* <@ $=w>\t$@ OK
R$&{auth_authen} <@ $={AuditorDomains}>\t$@ OK
R$&{auth_authen} + $* <@ $={AuditorDomains}>\t$@ OK
R$+ <@ $+>\t$: $(auditorsenders $&{auth_authen}/$1@$2 $: $1 <@ $2> $)
ROK\t$@ OK
R$+ <@ $+>\t$: $(auditorsenders $&{auth_authen}/@$2 $: NO $)
ROK\t$@ OK
R$*\t$#error $@ 5.7.1 $: "550 5.7.1 sender address is not owned by " $&{auth_authen}
"""
"""With Debian's delay_checks check_mail is not called for clients that may relay, so the rule stands where the recipient is judged."""


def daemon_options(line: str) -> dict[str, str]:
    """What a DAEMON_OPTIONS line says, by name; {} for any other line, and for one that is commented out."""
    found = _DAEMON.match(line)
    pairs = (part.partition("=") for part in found["options"].split(",")) if found else ()
    return {name.strip(): value.strip() for name, _, value in pairs}


def _loopback(address: str) -> bool:
    return address.startswith("127.") or address in {"::1", "IPv6:::1", "localhost"}


def _without_login(line: str) -> str:
    """The same listener without AUTH: users have doors of their own."""
    if re.search(r"\bM=\w*[Aa]", line):
        return line
    if re.search(r"\bM=", line):
        return re.sub(r"\bM=", "M=A", line, count=1)
    return line.replace("')", ", M=A')", 1)


def with_doors(text: str, *, bare_smtp: bool) -> str:
    """Listeners of 587 and 465, a login within TLS needed, at the addresses where port 25 is open to others.

    A public listener there that asks for no login gives way. bare_smtp: nobody is to log in at port 25 any more.
    """
    lines = text.splitlines()
    daemons = {at: options for at, line in enumerate(lines) if (options := daemon_options(line))}
    if not any(_port(options) == 25 for options in daemons.values()):
        at = next((at for at, line in enumerate(lines) if line.lstrip().startswith(("MAILER_DEFINITIONS", "MAILER("))), len(lines))
        lines.insert(at, "DAEMON_OPTIONS(`Name=MTA, Port=smtp')dnl")
        return with_doors("\n".join(lines) + "\n", bare_smtp=bare_smtp)
    public = [options for options in daemons.values() if _port(options) == 25 and not _loopback(options.get("Addr", ""))]
    everywhere = any("Addr" not in options for options in public)
    doors = {_place(options): options for options in daemons.values() if _port(options) in _DOORS and "a" in options.get("M", "")}
    out: list[str] = []
    for at, line in enumerate(lines):
        options = daemons.get(at, {})
        port, near = _port(options), _loopback(options.get("Addr", ""))
        if port in _DOORS and (everywhere and near or not near and "a" not in options.get("M", "")):
            out.append(MARK + line)
            continue
        out.append(_without_login(line) if port == 25 and not near and bare_smtp else line)
        if port == 25 and not near:
            out += [_door(options, door, len(out)) for door in _DOORS if (door, *_place(options)[1:]) not in doors]
    return "\n".join(out) + "\n"


def _port(options: dict[str, str]) -> int:
    return _PORTS.get(options.get("Port", "smtp").lower(), 0) if options else 0


def _place(options: dict[str, str]) -> tuple[int, str, str]:
    return _port(options), options.get("Family", "inet"), options.get("Addr", "")


def _door(options: dict[str, str], port: int, number: int) -> str:
    name, modifiers = _DOORS[port]
    address = f", Addr={options['Addr']}" if "Addr" in options else ""
    return f"DAEMON_OPTIONS(`Family={options.get('Family', 'inet')}, Name=Users-{port}-{number}, Port={name}{address}, M={modifiers}')dnl"


def with_senders(text: str) -> str:
    """The rule that binds senders to logins, after everything that the admin wrote."""
    return text if "SLocal_check_rcpt" in text and "Kauditorsenders" in text else text + RULES
