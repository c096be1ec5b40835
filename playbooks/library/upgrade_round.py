#!/usr/bin/python
"""Packages upgraded on a host that takes no new mail meanwhile, and back to what was when mail does not flow again."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.draining import close, drain, reopen
from ansible.module_utils.mail_dialogue import busy, observe
from ansible.module_utils.mail_transaction import FRAME_SPEC, LIMITED_SECONDS, SETTLE_SECONDS, run
from ansible.module_utils.package_round import FORCE, Kept, apt, obstacle, outdated, planned, to_merge

DOCUMENTATION = """
module: upgrade_round
short_description: Upgrade a mail host, or only look whether mail flows as it did
description:
  - Fetches the lists, keeps /etc and the old packages, refuses new sessions, waits for what is under way, upgrades, takes mail again.
  - What was true of the mail service before has to be true again, or configuration and packages go back.
  - Existing configuration files are kept; nothing is removed. With flowing given, nothing is upgraded.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  mta: {description: mail program, type: str, default: ""}
  minutes: {description: time that the upgrade may take, type: int, default: 20}
  drain: {description: seconds that sessions and deliveries may take to end, type: int, default: 120}
  flowing: {description: what must be true of the mail service, type: list, elements: str, default: []}
author: [The auditor project]
"""
EXAMPLES = "- upgrade_round: {frame: '{{ mail_host_frame }}', mta: postfix}"
RETURN = "flowing: {description: what is true of the mail service, returned: always, type: list}"


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


def _patch(module: Any, params: dict) -> str:
    """Upgrade behind a closed door; '' or what went wrong."""
    unit = (params["frame"]["units"] or [""])[0]
    if complaint := close(60 * params["minutes"] + params["drain"] + 600):
        module.warn(f"New sessions were not refused during the upgrade: {complaint}")
    try:
        if left := drain(params["mta"], unit, params["drain"]):
            module.warn(f"Still under way when the upgrade began: {', '.join(left)}; the queue keeps what was accepted")
        if complaint := apt("apt-get", "-y", "-q", "--no-remove", *FORCE, "upgrade", seconds=60 * params["minutes"]):
            return f"the upgrade failed: {complaint}"
        for one in outdated(params["frame"]["units"]):
            run(["systemctl", "restart", one])
    finally:
        reopen()
    return ""


def _round(module: Any, params: dict) -> None:
    frame, begun = params["frame"], time.time()
    if not module.check_mode and (complaint := apt("apt-get", "-q", "-o", "APT::Update::Error-Mode=any", *FORCE, "update", seconds=600)):
        module.fail_json(msg=f"The round stops here, nothing was changed: the package lists could not be fetched: {complaint}")
    try:
        packages = planned()
    except OSError as error:
        module.fail_json(msg=f"The round stops here, nothing was changed: apt does not say what it would upgrade: {error}")
    told: dict[str, Any] = {"planned": sorted(packages), "reboot": False}
    flowing = _true(frame)
    if module.check_mode or not packages:
        module.exit_json(changed=bool(packages), flowing=flowing, **told)
    if complaint := obstacle():
        module.fail_json(msg=f"The round stops here, nothing was changed: {complaint}")
    kept = Kept(frame["run"])
    try:
        unique = kept.keep(packages)
    except OSError as error:
        module.fail_json(msg=f"The round stops here, nothing was changed: no copy of /etc could be kept ({error})")
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    wrong = _patch(module, params)
    lost = [] if wrong else _await(frame, flowing)
    if wrong or lost:
        failed = kept.go_back(frame["units"])
        still = _await(frame, flowing)
        back = f"but this is not true again: {still[0]}" if still else "mail flows as before"
        only = f"; no archive had the old {', '.join(unique)}" if unique else ""
        module.fail_json(
            msg=f"The round stops here: {wrong or f'no longer true after the upgrade: {lost[0]}'}. Taken back, {back}{only}{failed and f' ({failed})'}",
            backup=str(kept.store),
        )
    told["reboot"] = os.path.exists("/run/reboot-required")
    module.exit_json(changed=True, flowing=flowing, merge=to_merge(begun), backup=str(kept.store), **told)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            "mta": {"type": "str", "default": ""},
            "minutes": {"type": "int", "default": 20},
            "drain": {"type": "int", "default": 120},
            "flowing": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not params["flowing"]:
        _round(module, params)
    if lost := _await(params["frame"], params["flowing"]):
        module.fail_json(msg=f"The round stops here: no longer true after the restart: {lost[0]}")
    module.exit_json(changed=False, flowing=params["flowing"])


if __name__ == "__main__":
    main()
