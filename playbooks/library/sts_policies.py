#!/usr/bin/python
"""The MTA-STS policy of domains: what it has to say, and whether senders can fetch it. Runs on the controller."""

from __future__ import annotations

import hashlib
import http.client
import ssl
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: sts_policies
short_description: Write MTA-STS policies and look whether they are served
description:
  - Nothing is served by this module; it fetches what a web server serves, as a sender does (RFC 8461 section 3.3).
  - A record may be published where the policy is valid and names every MX host. Its id is a hash of the policy that is served.
options:
  exchangers: {description: "domain -> names of its MX hosts", type: dict, required: true}
  mode: {description: mode of the policy that is written, type: str, choices: [testing, enforce], default: testing}
  max_age: {description: seconds that senders remember it, type: int, default: 604800}
author: [The auditor project]
"""
EXAMPLES = "- sts_policies: {exchangers: {example.org: [mx1.example.org]}}"
RETURN = """
policies:
  description: for each domain the url, the text to serve, id (empty where no record may be published) and why
  returned: always
  type: list
"""

PATH = "/.well-known/mta-sts.txt"
LARGEST = 64 * 1024
SECONDS = 10.0


def text_of(exchangers: list[str], mode: str, max_age: int) -> str:
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in exchangers), f"max_age: {max_age}"]
    return "".join(f"{line}\r\n" for line in lines)


def complaint_of(text: str, exchangers: list[str]) -> str:
    """Why a sender could not follow the policy, or what it would lose by it; '' for a good one."""
    pairs = [(key.strip().lower(), value.strip().lower()) for key, _, value in (line.partition(":") for line in text.splitlines())]
    said = dict(reversed(pairs))
    if pairs[:1] != [("version", "stsv1")]:
        return "it does not begin with version: STSv1"
    if said.get("mode") not in ("testing", "enforce"):
        return f"its mode is {said.get('mode', 'not said')}, which protects nothing"
    if not said.get("max_age", "").isdecimal() or not 0 < int(said["max_age"][:12]) <= 31557600:
        return "its max_age is no number of seconds up to a year"
    patterns = [value for key, value in pairs if key == "mx"]
    missed = [name for name in exchangers if not any(_covers(pattern, name) for pattern in patterns)]
    return f"no mx: line of it names {missed[0]}" if missed else ""


def _covers(pattern: str, name: str) -> bool:
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def fetched(host: str) -> tuple[str, str]:
    """The text that is served, and why it does not count. Redirects are not followed, the certificate has to be good."""
    connection = http.client.HTTPSConnection(host, timeout=SECONDS, context=ssl.create_default_context())
    try:
        connection.request("GET", PATH, headers={"User-Agent": "auditor"})
        answer = connection.getresponse()
        body = answer.read(LARGEST + 1)
        kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        return "", f"it cannot be fetched ({str(error)[:200] or type(error).__name__})"
    finally:
        connection.close()
    if answer.status != 200:
        return "", f"the server answers {answer.status}, where only 200 counts"
    if len(body) > LARGEST:
        return "", f"it is longer than {LARGEST} octets"
    if kind != "text/plain":
        return "", f"it is served as {kind[:80] or 'nothing in particular'}, where only text/plain counts"
    return body.decode("ascii", "backslashreplace"), ""


def _policy(domain: str, exchangers: list[str], mode: str, max_age: int) -> dict[str, Any]:
    served, why = fetched(f"mta-sts.{domain}")
    why = why or complaint_of(served, exchangers)
    return {
        "domain": domain,
        "url": f"https://mta-sts.{domain}{PATH}",
        "text": text_of(exchangers, mode, max_age),
        "id": "" if why else "auditor" + hashlib.sha256(served.encode()).hexdigest()[:16],
        "why": why,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "exchangers": {"type": "dict", "required": True},
            "mode": {"type": "str", "choices": ["testing", "enforce"], "default": "testing"},
            "max_age": {"type": "int", "default": 604800},
        },
        supports_check_mode=True,
    )
    mode, max_age = module.params["mode"], module.params["max_age"]
    taking = {domain: names for domain, names in module.params["exchangers"].items() if names}
    policies = [_policy(domain, names, mode, max_age) for domain, names in taking.items()]
    module.exit_json(changed=False, policies=policies)


if __name__ == "__main__":
    main()
