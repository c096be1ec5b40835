#!/usr/bin/python
"""Packages upgraded, with the mail service spoken to before and after."""

from __future__ import annotations

import os
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_dialogue import busy, observe
from ansible.module_utils.mail_transaction import FRAME_SPEC, LIMITED_SECONDS, SETTLE_SECONDS, last_line, run

DOCUMENTATION = """
module: upgrade_round
short_description: Upgrade a mail host, or only look whether mail flows as it did
description:
  - Existing configuration files are kept; nothing is removed. With flowing given, nothing is upgraded.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  flowing: {description: what must be true of the mail service, type: list, elements: str, default: []}
author: [The auditor project]
"""
EXAMPLES = "- upgrade_round: {frame: '{{ mail_host_frame }}'}"
RETURN = "flowing: {description: what is true of the mail service, returned: always, type: list}"

APT = ["apt-get", "-y", "-q", "--no-remove", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=120"]


def _true(frame: dict) -> list[str]:
    return [line for line, true in observe(frame["units"], frame["recipients"]).items() if true]


def _await(frame: dict, needed: list[str]) -> list[str]:
    begun = time.monotonic()
    while True:
        seen = observe(frame["units"], frame["recipients"])
        lost = [line for line in needed if not seen.get(line)]
        if not lost or time.monotonic() - begun > (LIMITED_SECONDS if busy(seen) else SETTLE_SECONDS):
            return lost
        time.sleep(2)


def main() -> None:
    module = AnsibleModule(
        argument_spec={**FRAME_SPEC, "flowing": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True
    )
    frame, needed = module.params["frame"], module.params["flowing"]
    if needed:
        lost = _await(frame, needed)
        if lost:
            module.fail_json(msg=f"The round stops here: no longer true after the restart: {lost[0]}")
        module.exit_json(changed=False, flowing=needed)
    planned = [line.split()[1] for line in run(["apt-get", "-s", "upgrade"]).stdout.splitlines() if line.startswith("Inst ")]
    flowing = _true(frame)
    if module.check_mode or not planned:
        module.exit_json(changed=bool(planned), flowing=flowing, planned=planned, reboot=False)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run([*APT, "upgrade"], capture_output=True, text=True, errors="replace", check=False, env=environment, timeout=3600)
    if done.returncode:
        run(["dpkg", "--configure", "-a"], timeout=600)
        module.fail_json(msg=f"The round stops here: the upgrade failed: {last_line(done.stderr)}")
    lost = _await(frame, flowing)
    if lost:
        module.fail_json(msg=f"The round stops here: no longer true after the upgrade: {lost[0]}")
    module.exit_json(changed=True, flowing=flowing, planned=planned, reboot=os.path.exists("/run/reboot-required"))


if __name__ == "__main__":
    main()
