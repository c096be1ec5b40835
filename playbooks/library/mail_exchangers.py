#!/usr/bin/python
"""MX hosts of domains, their addresses, and what DANE needs to know of their zones. Runs on the controller."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.name_servers import PROBLEMS, exchangers, looked_up

try:
    import dns.resolver
except ImportError:
    dns = None

DOCUMENTATION = """
module: mail_exchangers
short_description: Look the MX hosts of domains up
options:
  domains: {description: mail domains, type: list, elements: str, required: true}
  resolver: {description: address of a resolver that validates DNSSEC; empty takes the system's, type: str, default: ""}
author: [The auditor project]
"""
EXAMPLES = "- mail_exchangers: {domains: [example.org]}"
RETURN = """
exchangers: {description: "domain -> names of its MX hosts, the preferred one first", returned: always, type: dict}
hosts: {description: "name -> addresses, secure, alias and zone", returned: always, type: dict}
"""

def _host(name: str, resolver: str) -> dict[str, Any]:
    """Addresses and TLSA count as secure only when every answer was validated: senders want both (RFC 7672 section 2.2)."""
    answers = [looked_up(name, kind, resolver) for kind in ("A", "AAAA")]
    where = f"_25._tcp.{name}"
    tlsa = looked_up(where, "TLSA", resolver)
    zone = dns.resolver.zone_for_name(name, lifetime=5.0).to_text(omit_final_dot=True).lower() if not resolver else ""
    return {
        "addresses": [value for answer in answers for value in answer.values],
        "secure": all(answer.secure for answer in [*answers, tlsa]),
        "alias": tlsa.canonical.lower() if tlsa.canonical.lower() not in ("", where) else "",
        "zone": zone,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "domains": {"type": "list", "elements": "str", "required": True},
            "resolver": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    if dns is None:
        module.fail_json(msg=missing_required_lib("dnspython"))
    resolver = module.params["resolver"]
    try:
        targets = {domain: exchangers(domain, resolver) for domain in module.params["domains"]}
        names = dict.fromkeys(name for found in targets.values() for name in found)
        hosts = {name: _host(name, resolver) for name in names}
    except PROBLEMS as error:
        module.fail_json(msg=f"The MX hosts could not be looked up, nothing was changed: {error}")
    module.exit_json(changed=False, exchangers=targets, hosts=hosts)


if __name__ == "__main__":
    main()
