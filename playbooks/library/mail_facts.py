#!/usr/bin/python
"""What mail system runs here: release, program, unit, listeners and configuration, without changing anything."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_listeners import Listener, listeners, own_addresses, unit_processes, unit_state
from ansible.module_utils.mail_transaction import finish_interrupted, run

DOCUMENTATION = """
module: mail_facts
short_description: Gather the facts about the mail system of a host
description:
  - Detects Postfix, Exim 4, OpenSMTPD or Sendmail from processes and sockets, then from installed programs.
  - Undoes a transaction of these playbooks that a crash had cut in two (not in check mode).
options: {}
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
DAEMONS = {
    "/usr/lib/postfix/sbin/master": "postfix",
    "/usr/sbin/exim4": "exim",
    "/usr/sbin/smtpd": "opensmtpd",
    "/usr/libexec/sendmail/sendmail": "sendmail",
    "/usr/lib/sm.bin/sendmail": "sendmail",
}
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
    services = ["/".join(row.split()[:2]) for row in run(["postconf", "-M"]).stdout.splitlines()]
    return {"version": main.get("mail_version", ""), "main": main, "explicit": explicit, "options": options, "services": services}


def _exim() -> dict[str, Any]:
    text = Path("/etc/exim4/update-exim4.conf.conf").read_text(encoding="utf-8", errors="replace")
    debian = dict(re.findall(r"(?m)^(\w+)='([^'\n]*)'", text))
    layout = "own" if Path("/etc/exim4/exim4.conf").exists() else "split" if debian.get("dc_use_split_config") == "true" else "single"
    found = re.search(r"Exim version (\S+)", run(["exim4", "-bV"]).stdout)
    return {"version": found.group(1) if found else "", "debian": debian, "layout": layout}


def _opensmtpd() -> dict[str, Any]:
    done = run(["smtpd", "-h"])
    found = re.search(r"version: OpenSMTPD (\S+?)(?:-portable)?\s", done.stdout + done.stderr)
    return {"version": found.group(1) if found else ""}


def _sendmail() -> dict[str, Any]:
    found = re.search(r"Version (\S+)", run(["sendmail-mta", "-d0.1", "-bv", "root"]).stdout)
    return {"version": found.group(1) if found else ""}


CONFIG = {"postfix": _postfix, "exim": _exim, "opensmtpd": _opensmtpd, "sendmail": _sendmail}


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
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
        "mended": mended,
    }
    module.exit_json(changed=bool(mended), mail=mail)


if __name__ == "__main__":
    main()
