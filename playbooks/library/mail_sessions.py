#!/usr/bin/python
"""SMTP sessions of one client address ended, looked for again, and ended by their process if the kernel cannot."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_listeners import executable
from ansible.module_utils.mail_transaction import run

DOCUMENTATION = """
module: mail_sessions
short_description: End the SMTP sessions of one client
description:
  - Only sessions at ports 25, 465 and 587 from exactly this address are touched, so an admin's SSH cannot be meant.
options:
  client: {description: address of the client, type: str, required: true}
author: [The auditor project]
"""
EXAMPLES = "- mail_sessions: {client: 203.0.113.7}"
RETURN = "ended: {description: how many sessions were ended, returned: always, type: int}"

FILTER = "( sport = :25 or sport = :465 or sport = :587 )"
SERVERS = ("/usr/lib/postfix/sbin/smtpd", "/usr/sbin/exim4", "/usr/libexec/sendmail/sendmail")  # one process a session


def _open(client: str) -> list[str]:
    return [row for row in run(["ss", "-Htnp", "state", "established", "dst", client, FILTER]).stdout.splitlines() if row.strip()]


def main() -> None:
    module = AnsibleModule(argument_spec={"client": {"type": "str", "required": True}}, supports_check_mode=True)
    try:
        client = str(ipaddress.ip_address(module.params["client"]))
    except ValueError:
        module.fail_json(msg="The client is not an address; nothing was ended.")
    sessions = _open(client)
    if not sessions or module.check_mode:
        module.exit_json(changed=bool(sessions), ended=0)
    run(["ss", "-K", "state", "established", "dst", client, FILTER])
    time.sleep(0.5)
    for row in _open(client):  # kernels without CONFIG_INET_DIAG_DESTROY say nothing and do nothing
        for pid in re.findall(r"pid=(\d+)", row):
            if executable(pid) in SERVERS:
                os.kill(int(pid), signal.SIGTERM)
    time.sleep(0.5)
    left = _open(client)
    if left:
        module.fail_json(msg=f"{len(left)} SMTP session(s) of {client} are still open; isolate the host at L3 to end them.")
    module.exit_json(changed=True, ended=len(sessions))


if __name__ == "__main__":
    main()
