#!/usr/bin/python
"""Does the tool itself, or a host that asks for names, live on this host? Only looks."""

from __future__ import annotations

import ipaddress

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_listeners import own_addresses
from ansible.module_utils.mail_transaction import run
from ansible.module_utils.packet_filter import login

DOCUMENTATION = """
module: dependants
short_description: See what else on or around a host needs its network
author: [The auditor project]
"""
EXAMPLES = "- dependants:"
RETURN = """
local: {description: whether the play that asks runs on this very host, returned: always, type: bool}
resolver: {description: addresses where this host answers name questions of others, returned: always, type: list}
"""


def runs_here(connection: str, own: list[str]) -> bool:
    """A login from one of the host's own addresses, or no login over SSH at all, was made on the host itself."""
    if not connection:
        return True
    client = ipaddress.ip_address(connection.split()[0].partition("%")[0])
    client = getattr(client, "ipv4_mapped", None) or client
    return client.is_loopback or str(client) in own


def answers_names(listening: str) -> list[str]:
    """The addresses of `ss -Hlnu sport = :53` (or -t) that others can reach; systemd-resolved's own is none."""
    found = set()
    for row in listening.splitlines():
        words = [word for word in row.split() if word.endswith(":53")]
        address = words[0].rpartition(":")[0].partition("%")[0].strip("[]") if words else ""
        if address and (address == "*" or not ipaddress.ip_address(address).is_loopback):
            found.add(address)
    return sorted(found)


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    listening = "".join(run(["ss", "-Hln", kind, "sport = :53"]).stdout for kind in ("-u", "-t"))
    module.exit_json(
        changed=False, local=runs_here(login(), own_addresses()), resolver=answers_names(listening)
    )


if __name__ == "__main__":
    main()
