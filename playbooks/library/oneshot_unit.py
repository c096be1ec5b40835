#!/usr/bin/python
"""A unit that does its work once and ends, run where its last success is too old."""

from __future__ import annotations

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_listeners import unit_state
from ansible.module_utils.mail_transaction import last_line, run

DOCUMENTATION = """
module: oneshot_unit
short_description: Run a oneshot unit unless it succeeded lately
description:
  - The unit itself touches the stamp when it has succeeded.
  - A unit that takes longer than wait goes on by itself, and a warning says so.
options:
  unit: {description: the unit, type: str, required: true}
  stamp: {description: file that it touches, type: path, required: true}
  younger_than: {description: seconds for which a success counts, type: int, required: true}
  wait: {description: seconds to wait for its end, type: int, default: 600}
author: [The auditor project]
"""
EXAMPLES = "- oneshot_unit: {unit: auditor-backup.service, stamp: /var/lib/auditor/backup-succeeded, younger_than: 86400}"
RETURN = "finished: {description: whether it came to its end, returned: changed, type: bool}"


TURN_SECONDS = 10.0


def _young(stamp: Path, seconds: int) -> bool:
    return stamp.exists() and 0 <= time.time() - stamp.stat().st_mtime < seconds


def _touched(stamp: Path, since: float) -> bool:
    return stamp.exists() and stamp.stat().st_mtime > since - 1


def _ended(unit: str, begun: float, stamp: Path, deadline: float) -> str:
    """Its last state. A unit whose job still waits for its turn is inactive as well, for a moment."""
    while True:
        state = unit_state(unit).get("ActiveState", "")
        waits = state == "inactive" and not _touched(stamp, begun) and time.time() - begun < TURN_SECONDS
        if (state in ("inactive", "failed") and not waits) or time.monotonic() > deadline:
            return state
        time.sleep(1)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "stamp": {"type": "path", "required": True},
            "younger_than": {"type": "int", "required": True},
            "wait": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    unit, stamp = module.params["unit"], Path(module.params["stamp"])
    if _young(stamp, module.params["younger_than"]):
        module.exit_json(changed=False)
    if module.check_mode:
        module.exit_json(changed=True, diff={"before": "", "after": f"{unit} would run\n"})
    begun = time.time()
    started = run(["systemctl", "start", "--no-block", unit])
    if started.returncode:
        module.fail_json(msg=f"{unit} does not start: {last_line(started.stderr)}")
    state = _ended(unit, begun, stamp, time.monotonic() + module.params["wait"])
    if state not in ("inactive", "failed"):
        module.warn(f"{unit} still runs after {module.params['wait']} seconds, and goes on by itself; `systemctl status {unit}` says how it ends")
        module.exit_json(changed=True, finished=False)
    if state == "failed" or not _touched(stamp, begun):
        told = run(["journalctl", "-q", "-o", "cat", "-n", "20", "-u", unit]).stdout.splitlines()
        own = [line for line in told if line.startswith("auditor-")]
        module.fail_json(msg=f"{unit} failed: {last_line(chr(10).join(own or told))}", changed=True)
    module.exit_json(changed=True, finished=True)


if __name__ == "__main__":
    main()
