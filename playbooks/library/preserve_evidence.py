#!/usr/bin/python
"""The arguments of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: preserve_evidence
short_description: Stream evidence from a host to the controller in order of volatility
description:
  - Nothing is written on the host. Each item is hashed on arrival and again after it was written, and listed in a manifest.
  - An item that could not be read whole is kept as far as it came, and named with the reason; the others are collected all the same.
options:
  directory: {description: directory on the controller, type: path, required: true}
  hours: {description: hours of the journal to keep, type: int, required: true}
  limit: {description: MiB of one item; what is longer is cut and named, type: int, required: true}
author: [The auditor project]
"""
EXAMPLES = "- preserve_evidence: {directory: evidence/INC-2026-0001/mx1, hours: 72, limit: 128}"
RETURN = """
manifest_sha256: {description: SHA-256 of the manifest, returned: changed, type: str}
missing: {description: items that are not whole and why, returned: always, type: list}
sentences: {description: what to tell the person, returned: always, type: list}
"""


def main() -> None:
    spec = {
        "directory": {"type": "path", "required": True},
        "hours": {"type": "int", "required": True},
        "limit": {"type": "int", "required": True},
    }
    AnsibleModule(argument_spec=spec).fail_json(msg="The action plugin preserve_evidence was not found beside the playbooks.")


if __name__ == "__main__":
    main()
