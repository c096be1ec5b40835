#!/usr/bin/python
"""Does another MX host take the mail of these domains at this moment? Runs on the controller and hands over no mail."""

from __future__ import annotations

import smtplib
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.name_servers import PROBLEMS, exchangers, looked_up

try:
    import dns.resolver
except ImportError:
    dns = None

DOCUMENTATION = """
module: other_exchangers
short_description: See which domains have no MX host but this one that takes mail now
description:
  - Each of the other MX hosts is asked by MAIL and RCPT for the postmaster of the domain, then left with QUIT.
  - What cannot be seen counts as taking nothing.
options:
  domains: {description: mail domains of the host, type: list, elements: str, required: true}
  own: {description: names and addresses of the host itself, type: list, elements: str, required: true}
author: [The auditor project]
"""
EXAMPLES = "- other_exchangers: {domains: [example.org], own: [mx1.example.org, 192.0.2.25]}"
RETURN = """
alone: {description: "domain -> why no other host is known to take its mail", returned: always, type: dict}
"""

PATIENCE = 5.0  # seconds for one answer
LONGEST = 30.0  # seconds for all of them: somebody waits for an isolation


def takes(address: str, domain: str) -> str:
    """'' when the host takes mail for the domain, else what it answers instead."""
    try:
        with smtplib.SMTP(address, 25, timeout=PATIENCE) as server:
            server.ehlo_or_helo_if_needed()
            for code, text in (server.mail(""), server.rcpt(f"postmaster@{domain}")):
                if code // 100 != 2:
                    return f"{code} {text.decode('utf-8', 'backslashreplace')}"[:120]
    except (smtplib.SMTPException, OSError) as error:
        return str(error)[:120]
    return ""


class Question:
    """One look at the MX hosts of some domains, with one deadline for all."""

    def __init__(self, own: list[str]) -> None:
        self.own = {name.lower().rstrip(".") for name in own if name}
        self.until = time.monotonic() + LONGEST

    def alone(self, domain: str) -> str:
        """'' when another MX host takes mail for the domain, else why that is not known."""
        names = exchangers(domain)
        if not names:  # a null MX: nobody takes mail, so nothing hangs on this host
            return ""
        addresses = {name: self._addresses(name) for name in names}
        here = [name for name in names if name in self.own or self.own & set(addresses[name])]
        if not here:
            return f"which of its MX hosts this is cannot be told ({', '.join(names)})"
        refusals = {
            name: self._refusal(found, domain) for name, found in addresses.items() if name not in here
        }
        if not all(refusals.values()):
            return ""
        return (
            "; ".join(f"{name} takes none now: {why}" for name, why in refusals.items())
            or "no other MX host is published"
        )

    def _addresses(self, name: str) -> list[str]:
        return [value for kind in ("A", "AAAA") for value in looked_up(name, kind).values]

    def _refusal(self, addresses: list[str], domain: str) -> str:
        answer = "it has no address"
        for address in addresses:
            if time.monotonic() > self.until:
                return "no time was left to ask"
            if not (answer := takes(address, domain)):
                break
        return answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "domains": {"type": "list", "elements": "str", "required": True},
            "own": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    if dns is None:
        module.fail_json(msg=missing_required_lib("dnspython"))
    question, alone = Question(module.params["own"]), dict[str, Any]()
    for domain in module.params["domains"]:
        try:
            why = question.alone(domain)
        except PROBLEMS as error:
            why = f"its MX hosts could not be looked up: {error}"
        if why:
            alone[domain] = why
    module.exit_json(changed=False, alone=alone)


if __name__ == "__main__":
    main()
