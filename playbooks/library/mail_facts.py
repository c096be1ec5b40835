#!/usr/bin/python
"""What mail system runs here: release, program, unit, listeners and configuration, without changing anything."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_listeners import DAEMONS, Listener, listeners, own_addresses, unit_processes, unit_state, unit_states
from ansible.module_utils.mail_transaction import finish_interrupted, forget, run
from ansible.module_utils.smtpd_conf import pki_names

DOCUMENTATION = """
module: mail_facts
short_description: Gather the facts about the mail system of a host
description:
  - Detects Postfix, Exim 4, OpenSMTPD or Sendmail from processes and sockets, then from installed programs.
  - Undoes a transaction of these playbooks that a crash had cut in two (not in check mode).
options:
  helpers: {description: units to count among the helpers, type: list, elements: str, default: []}
author: [The auditor project]
"""
EXAMPLES = "- mail_facts:"
RETURN = """
mail:
  description: release, mta, version, unit, units, dovecot, listeners, config
  returned: always
  type: dict
"""

RELEASES = {"12": "bookworm", "13": "trixie"}
PROGRAMS = {
    "postfix": "/usr/sbin/postfix",
    "exim": "/usr/sbin/exim4",
    "opensmtpd": "/usr/sbin/smtpd",
    "sendmail": "/usr/sbin/sendmail-mta",
}
MAIL_PORTS = {25, 465, 587, 2525}


def _release() -> dict[str, str]:
    text = Path("/etc/os-release").read_text(encoding="utf-8", errors="replace")
    found = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)"?$', text))
    return {"id": found.get("ID", ""), "version": found.get("VERSION_ID", ""), "name": found.get("PRETTY_NAME", "")}


def _unit(mta: str, version: str) -> str:
    units = {"exim": "exim4.service", "opensmtpd": "opensmtpd.service", "sendmail": "sendmail.service"}
    if mta == "postfix":
        return "postfix@-.service" if version == "12" else "postfix.service"
    return units.get(mta, "")


def _running(seen: list[Listener]) -> list[str]:
    """Mail programs that run as daemons, the one on port 25 first."""
    by_port = sorted(seen, key=lambda one: one.port != 25)
    found = [DAEMONS[one.exe] for one in by_port if one.port in MAIL_PORTS and one.exe in DAEMONS]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found.append(DAEMONS[os.readlink(f"/proc/{entry}/exe").removesuffix(" (deleted)")])
            except (OSError, KeyError):
                continue
    return list(dict.fromkeys(found))


def _postfix() -> dict[str, Any]:
    main = dict(re.findall(r"(?m)^(\w+) =[ \t]*(.*)$", run(["postconf"]).stdout))
    explicit = re.findall(r"(?m)^(\w+) =", run(["postconf", "-n"]).stdout)
    options = dict(re.findall(r"(?m)^(\S+/\S+/\S+) =[ \t]*(.*)$", run(["postconf", "-P"]).stdout))
    rows = [row.split() for row in run(["postconf", "-M"]).stdout.splitlines()]
    services = ["/".join(row[:2]) for row in rows]
    senders = [row[0] for row in rows if row[7:8] == ["smtp"]]  # master.cf(5): the eighth column is the program
    expanded = run(["postconf", "-x", "-h", "virtual_alias_domains", "virtual_mailbox_domains"]).stdout
    virtual = {"virtual_domains": _domains(expanded)}
    return virtual | {"version": main.get("mail_version", ""), "main": main, "explicit": explicit, "options": options, "services": services, "senders": senders}


def _domains(lists: str) -> list[str]:
    """Domains of a list that names them or points to indexed text files."""
    found: list[str] = []
    for word in re.split(r"[\s,]+", lists):
        kind, _, path = word.partition(":")
        if not path and re.fullmatch(r"[\w.-]+\.[\w-]+", word):
            found.append(word)
        elif kind in {"hash", "btree", "lmdb", "texthash"} and os.path.isfile(path):
            found += re.findall(r"(?m)^([\w.-]+\.[\w-]+)[ \t]", Path(path).read_text(encoding="utf-8", errors="replace"))
    return sorted(set(found))


# Units that a mail service leans on, as packaged in Debian 12 and 13.
HELPERS = (
    "amavis amavisd-milter bind9 chrony clamav-daemon clamav-freshclam clamav-milter dkimpy-milter fail2ban gld greylistd mailman3"
    " mariadb milter-greylist named ntpsec opendkim opendmarc openntpd policyd-rate-limit policyd-weight postfix-mta-sts-resolver"
    " postfwd postgrey postsrsd redis-server rspamd rsyslog saslauthd slapd spamass-milter spamd sqlgrey unbound valkey-server"
).split()
TIMERS = "logrotate apt-daily apt-daily-upgrade exim4-base certbot systemd-tmpfiles-clean".split()


def _supervision(unit: str, state: dict[str, str], **known: str) -> dict[str, Any]:
    """How systemd looks after a unit, and what a drop-in must say to make it restart."""
    generated = state.get("RemainAfterExit") == "yes" or (state.get("SourcePath", "").startswith("/etc/init.d/"))
    return {
        "unit": unit,
        "directory": known.get("directory", unit),
        "boot": known.get("boot", unit),
        "program": known.get("program", ""),
        "pidfile": known.get("pidfile", ""),
        "generated": generated,
        # smtpd writes no PID file and has seven processes, so systemd cannot tell the main one of a forked smtpd;
        # it leaves with success when one of its processes is killed (tried on 6.8 and 7.6): on-failure would not see it.
        "foreground": "/usr/sbin/smtpd -F" if unit == "opensmtpd.service" else "",
        "always": generated or unit == "opensmtpd.service",
        "needs_restart": state.get("Restart") in {"no", "", None} or _ours(unit),
        "dead": state.get("UnitFileState") == "enabled" and not unit_processes(unit) and state.get("Type") != "oneshot",
    }


def _ours(unit: str) -> bool:
    """Is our drop-in there already? It must stay in the loop, or a second run would not look at it."""
    return os.path.exists(f"/etc/systemd/system/{unit}.d/zz-auditor-restart.conf")


PIDFILES = {"exim": "/run/exim4/exim.pid", "sendmail": "/run/sendmail/mta/sendmail.pid"}


def _supervised(mta: str, unit: str, dovecot: bool) -> list[dict[str, Any]]:
    found = []
    if unit:
        known = {"program": mta, "pidfile": PIDFILES.get(mta, "")}
        if unit.startswith("postfix@"):
            known |= {"directory": "postfix@.service", "boot": "postfix.service"}
        one = _supervision(unit, unit_state(unit), **known)
        if mta == "sendmail" or (mta == "exim" and os.path.exists("/run/systemd/generator.late/exim4.service")):
            one["generated"] = one["always"] = True
        found.append(one)
    if dovecot:
        found.append(_supervision("dovecot.service", unit_state("dovecot.service"), program="dovecot"))
    return found


def _helpers(named: list[str]) -> list[dict[str, Any]]:
    """Helpers in use, with what systemd would do if they died."""
    found = []
    for unit, state in unit_states(list(dict.fromkeys([*(f"{name}.service" for name in HELPERS), *named]))).items():
        by_hand = unit == "unbound.service" and any(one.exe == "/usr/sbin/unbound" for one in listeners())
        if state.get("LoadState") == "loaded" and (by_hand or state.get("ActiveState") in {"active", "failed"} or state.get("UnitFileState") == "enabled"):
            found.append(_supervision(unit, state))
    return found


def _timers() -> dict[str, dict[str, str]]:
    states = unit_states([f"{name}.timer" for name in TIMERS])
    return {name: state for name, state in states.items() if state.get("LoadState") == "loaded"}


def _exim() -> dict[str, Any]:
    text = Path("/etc/exim4/update-exim4.conf.conf").read_text(encoding="utf-8", errors="replace")
    debian = dict(re.findall(r"(?m)^(\w+)='([^'\n]*)'", text))
    layout = "own" if Path("/etc/exim4/exim4.conf").exists() else "split" if debian.get("dc_use_split_config") == "true" else "single"
    spoken = run(["exim4", "-bV"]).stdout
    found = re.search(r"Exim version (\S+)", spoken)
    local = Path("/etc/exim4/conf.d/main/000_localmacros" if layout == "split" else "/etc/exim4/exim4.conf.localmacros")
    own = local.read_text(encoding="utf-8", errors="replace") if local.exists() else ""
    macros = dict(re.findall(r"(?m)^([A-Za-z]\w*)[ \t]*=[ \t]*(.*)$", own))
    drivers = re.search(r"(?m)^Authenticators: (.*)$", spoken)
    return {
        "version": found.group(1) if found else "",
        "debian": debian,
        "layout": layout,
        "macros": macros,
        "authenticators": drivers.group(1).split() if drivers else [],
    }


def _opensmtpd() -> dict[str, Any]:
    done = run(["smtpd", "-h"])
    found = re.search(r"version: OpenSMTPD (\S+?)(?:-portable)?\s", done.stdout + done.stderr)
    text = Path("/etc/smtpd.conf").read_text(encoding="utf-8", errors="replace")
    return {"version": found.group(1) if found else "", "socket": bool(re.search(r"(?m)^\s*listen\s+on\s+socket\b", text)), "pki": pki_names(text)}


def _sendmail() -> dict[str, Any]:
    found = re.search(r"Version (\S+)", run(["sendmail-mta", "-d0.1", "-bv", "root"]).stdout)
    built = Path("/etc/mail/sendmail.cf")
    shown = re.search(r"(?m)^O ServerCertFile=(\S+)", built.read_text(encoding="utf-8", errors="replace") if built.exists() else "")
    return {"version": found.group(1) if found else "", "certificate": shown.group(1) if shown else ""}


CONFIG = {"postfix": _postfix, "exim": _exim, "opensmtpd": _opensmtpd, "sendmail": _sendmail}


def main() -> None:
    module = AnsibleModule(argument_spec={"helpers": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True)
    forget(module)
    mended = finish_interrupted(module)
    release, seen = _release(), listeners()
    installed = [mta for mta, program in PROGRAMS.items() if os.path.exists(program)]
    running = [mta for mta in _running(seen) if mta in installed]
    mta = (running or installed or [""])[0]
    unit = _unit(mta, release["version"])
    state = unit_state(unit) if unit else {}
    dovecot = os.path.exists("/usr/sbin/dovecot")
    version = run(["dovecot", "--version"]).stdout.split(" ")[0].strip() if dovecot else ""
    units = [unit] if unit else []
    if dovecot and unit_state("dovecot.service").get("UnitFileState") == "enabled":
        units.append("dovecot.service")
    mail = {
        "release": release,
        "codename": RELEASES.get(release["version"], "") if release["id"] == "debian" else "",
        "systemd": os.path.isdir("/run/systemd/system"),
        "installed": installed,
        "running": running,
        "mta": mta,
        "unit": unit,
        "units": units,
        "unit_state": state,
        "unit_alive": bool(unit_processes(unit)) if unit else False,
        "dovecot": version,
        "addresses": own_addresses(),
        "listeners": [vars(one) | {"unit": one.unit, "loopback": one.loopback} for one in seen],
        "public": sorted({one.port for one in seen if not one.loopback}),
        "hostname": os.uname().nodename,
        "config": CONFIG[mta]() if mta else {},
        "helpers": _helpers(module.params["helpers"]),
        "supervised": _supervised(mta, unit, "dovecot.service" in units),
        "timers": _timers(),
        "mended": mended,
    }
    module.exit_json(changed=bool(mended), mail=mail)


if __name__ == "__main__":
    main()
