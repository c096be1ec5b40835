#!/usr/bin/python
"""SMTP sessions of users ended, looked for again, and ended by their process if the kernel cannot."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_listeners import executable
from ansible.module_utils.mail_transaction import FRAME_SPEC, Transaction, run

DOCUMENTATION = """
module: mail_sessions
short_description: End the SMTP sessions of users
description:
  - Sessions at 465 and 587 end, and at 25 where users can log in there; with a client given, its sessions at all three.
  - Each is named to the kernel by both its ends, so an admin's SSH cannot be meant.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  client: {description: address whose sessions at port 25 end as well, type: str, default: ""}
author: [The auditor project]
"""
EXAMPLES = "- mail_sessions: {frame: '{{ mail_host_frame }}', client: 203.0.113.7}"
RETURN = "ended: {description: how many sessions were ended, returned: always, type: int}"

FILTER = "( sport = :25 or sport = :465 or sport = :587 )"
SERVERS = ("/usr/lib/postfix/sbin/smtpd", "/usr/sbin/exim4", "/usr/libexec/sendmail/sendmail")  # one process a session


def _open(ports: set[str], client: str) -> list[tuple[str, str, str]]:
    """Both ends of each session, as ss prints them, and the processes that hold it."""
    found = []
    for row in run(["ss", "-HtnpO", "state", "established", FILTER]).stdout.splitlines():
        here, there = row.split()[2:4]
        peer = ipaddress.ip_address(there.rpartition(":")[0].strip("[]").partition("%")[0])
        peer = getattr(peer, "ipv4_mapped", None) or peer
        if not peer.is_loopback and (here.rpartition(":")[2] in ports or str(peer) == client):
            found.append((here, there, row))
    return found


def _end(sessions: list[tuple[str, str, str]]) -> None:
    for here, there, _ in sessions:
        run(["ss", "-K", "state", "established", "src", here, "dst", there])
    time.sleep(0.5)


def main() -> None:
    module = AnsibleModule(argument_spec={**FRAME_SPEC, "client": {"type": "str", "default": ""}}, supports_check_mode=True)
    try:
        client = str(ipaddress.ip_address(module.params["client"])) if module.params["client"] else ""
    except ValueError:
        module.fail_json(msg="The client is not an address; nothing was ended.")
    flowing = Transaction(module, "Sessions end").flowing()
    at_25 = any(true for line, true in flowing.items() if line.startswith("port 25 at") and line.endswith("lets users log in"))
    ports = {"465", "587"} | ({"25"} if at_25 else set())
    sessions = _open(ports, client)
    if not sessions or module.check_mode:
        module.exit_json(changed=bool(sessions), ended=0)
    _end(sessions)
    known = {one[:2] for one in sessions}
    left = [one for one in _open(ports, client) if one[:2] in known]
    for *_, row in left:  # kernels without CONFIG_INET_DIAG_DESTROY say nothing and do nothing
        for pid in re.findall(r"pid=(\d+)", row):
            if executable(pid) in SERVERS:
                os.kill(int(pid), signal.SIGTERM)
    time.sleep(0.5)
    left = [one for one in _open(ports, client) if one[:2] in known]
    if left:
        module.fail_json(msg=f"{len(left)} SMTP session(s) are still open, one of {left[0][1]}; isolate the host at L3 to end them.")
    module.exit_json(changed=True, ended=len(sessions))


if __name__ == "__main__":
    main()
