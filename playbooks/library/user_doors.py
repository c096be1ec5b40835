#!/usr/bin/python
"""Where users of this host can hand in mail already, so that what works is left as it is."""

from __future__ import annotations

import os
import pwd

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_dialogue import SMTP, SMTPS, SUBMISSION, lets_users_in

DOCUMENTATION = """
module: user_doors
short_description: Tell at which ports users can log in, and who they are
description:
  - Speaks to the public listeners of 25, 465 and 587 as far as EHLO and STARTTLS; nothing is changed.
options:
  own: {description: a file that is there when the playbook submission made these doors, type: path, required: true}
author: [The auditor project]
"""
EXAMPLES = "- user_doors: {own: /etc/exim4/auditor-senders}"
RETURN = """
ports: {description: 465 and 587 where AUTH is offered within TLS, returned: always, type: list}
smtp: {description: AUTH is offered at port 25, returned: always, type: bool}
own: {description: the playbook submission made them, returned: always, type: bool}
accounts: {description: people with an account of the system, returned: always, type: list}
"""
FIRST, NOBODY = 1000, 65534  # adduser.conf(5): FIRST_UID; base-passwd: nobody


def main() -> None:
    module = AnsibleModule(argument_spec={"own": {"type": "path", "required": True}}, supports_check_mode=True)
    module.exit_json(
        changed=False,
        ports=[port for port in (SMTPS, SUBMISSION) if lets_users_in(port)],
        smtp=lets_users_in(SMTP),
        own=os.path.exists(module.params["own"]),
        accounts=sorted({one.pw_name for one in pwd.getpwall() if FIRST <= one.pw_uid < NOBODY}),
    )


if __name__ == "__main__":
    main()
