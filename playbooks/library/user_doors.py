#!/usr/bin/python
"""Where users of this host can hand in mail already, so that what works is left as it is."""

from __future__ import annotations

import os
import pwd
import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_dialogue import SMTP, SMTPS, SUBMISSION, lets_users_in
from ansible.module_utils.mail_transaction import run

DOCUMENTATION = """
module: user_doors
short_description: Tell at which ports users can log in, and who they are
description:
  - Speaks to the public listeners of 25, 465 and 587 as far as EHLO and STARTTLS; nothing is changed.
options:
  mta: {description: exim, opensmtpd, postfix or sendmail, type: str, required: true}
  own: {description: a file that is there when the playbook submission made these doors, type: path, required: true}
author: [The auditor project]
"""
EXAMPLES = "- user_doors: {mta: exim, own: /etc/exim4/auditor-senders}"
RETURN = """
ports: {description: 465 and 587 where AUTH is offered within TLS, returned: always, type: list}
smtp: {description: AUTH is offered at port 25, returned: always, type: bool}
own: {description: the playbook submission made them, returned: always, type: bool}
logins: {description: in words what else users log in with, which our own means would take from them; empty where nothing, returned: always, type: str}
accounts: {description: people with an account of the system, returned: always, type: list}
"""
FIRST, NOBODY = 1000, 65534  # adduser.conf(5): FIRST_UID; base-passwd: nobody


def _logins(mta: str) -> str:
    """PLAIN and LOGIN show at a door; who logs in by another mechanism, or nowhere yet, shows in the configuration only."""
    if mta == "exim":
        section = run(["exim4", "-bP", "config"]).stdout.partition("\nbegin authenticators")[2]
        served = re.search(r"(?m)^\s*server_\w+\s*=", re.split(r"(?m)^begin ", section, maxsplit=1)[0])
        return "Exim has authenticators of its own" if served else ""
    if mta == "sendmail" and re.search(r"(?m): userPassword$", run(["sasldblistusers2"]).stdout):
        return "Sendmail has users in /etc/sasldb2"
    return ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={"mta": {"type": "str", "required": True}, "own": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    own = os.path.exists(module.params["own"])
    module.exit_json(
        changed=False,
        ports=[port for port in (SMTPS, SUBMISSION) if lets_users_in(port)],
        smtp=lets_users_in(SMTP),
        own=own,
        logins="" if own else _logins(module.params["mta"]),
        accounts=sorted({one.pw_name for one in pwd.getpwall() if FIRST <= one.pw_uid < NOBODY}),
    )


if __name__ == "__main__":
    main()
