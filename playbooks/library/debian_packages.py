#!/usr/bin/python
"""Packages present, by dpkg and apt-get alone: a mail host need not have python3-apt."""

from __future__ import annotations

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_transaction import last_line, run

DOCUMENTATION = """
module: debian_packages
short_description: Install Debian packages that are missing
description:
  - Nothing is removed or upgraded to make room; existing configuration files are kept.
options:
  names: {description: packages, type: list, elements: str, required: true}
  start: {description: let the packages start their services at once, type: bool, default: true}
author: [The auditor project]
"""
EXAMPLES = "- debian_packages: {names: [rsyslog]}"
RETURN = "missing: {description: packages that were not there, returned: always, type: list}"

APT = ["apt-get", "-y", "-q", "--no-install-recommends", "--no-remove", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=120"]


def _installed(name: str) -> bool:
    return run(["dpkg-query", "-W", "-f", "${Status}", name]).stdout == "install ok installed"


def _apt(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run([*APT, *arguments], capture_output=True, text=True, errors="replace", check=False, env=environment, timeout=1800)


def main() -> None:
    module = AnsibleModule(
        argument_spec={"names": {"type": "list", "elements": "str", "required": True}, "start": {"type": "bool", "default": True}},
        supports_check_mode=True,
    )
    missing = [name for name in module.params["names"] if not _installed(name)]
    diff = {"before": "", "after": "".join(f"package {name}\n" for name in missing)}
    if not missing or module.check_mode:
        module.exit_json(changed=bool(missing), missing=missing, diff=diff)
    policy = "/usr/sbin/policy-rc.d"
    holds = not module.params["start"] and not os.path.exists(policy)
    if holds:
        with open(os.open(policy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755), "w", encoding="ascii") as handle:
            handle.write("#!/bin/sh\nexit 101\n")
    try:
        done = _apt(["install", *missing])
        if done.returncode:
            _apt(["update"])
            done = _apt(["install", *missing])
    finally:
        if holds:
            os.unlink(policy)
    if done.returncode:
        module.fail_json(msg=f"{', '.join(missing)} could not be installed, nothing else was changed: {last_line(done.stderr)}")
    module.exit_json(changed=True, missing=missing, diff=diff)


if __name__ == "__main__":
    main()
