#!/usr/bin/python
"""A mail program that was started by hand comes under its unit, and a dead one is started, without losing queued mail."""

from __future__ import annotations

import os
import signal
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_dialogue import observe
from ansible.module_utils.mail_listeners import DAEMONS, cgroup, executable, listeners, read, unit_processes
from ansible.module_utils.mail_transaction import FRAME_SPEC, last_line, run

DOCUMENTATION = """
module: adopt_service
short_description: Let the unit own the mail program
description:
  - Processes of the program outside of the unit's control group are ended by the program's own means, then the unit is started.
  - Queued mail is on disk and stays there; sessions are closed as at any restart.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  unit: {description: unit that shall own it, type: str, required: true}
  program: {description: postfix exim opensmtpd sendmail or dovecot, type: str, required: true}
author: [The auditor project]
"""
EXAMPLES = "- adopt_service: {frame: '{{ mail_host_frame }}', unit: postfix.service, program: postfix}"
RETURN = "strays: {description: process ids found outside of the unit, returned: always, type: list}"

DAEMON = {
    **{program: {path for path, name in DAEMONS.items() if name == program} for program in DAEMONS.values()},
    "dovecot": {"/usr/sbin/dovecot"},
    "unbound": {"/usr/sbin/unbound"},
}
OWN_STOP = {"postfix": ["postfix", "stop"], "dovecot": ["doveadm", "stop"]}
STOP_SECONDS, START_SECONDS = 15.0, 30.0


def _parent(pid: int) -> int:
    try:
        return int(read(pid, "stat").rsplit(")", 1)[1].split()[1])
    except (IndexError, ValueError):
        return 0


def _daemons(program: str) -> list[int]:
    """Processes of the program that are children of init, or listen and are no child of one that does.

    So a delivery and a `sendmail -t` are left alone, and a daemon in the foreground of somebody's shell
    (`postfix start-fg`, `exim -bdf`) is found.
    """
    own = {int(entry) for entry in os.listdir("/proc") if entry.isdigit() and executable(entry) in DAEMON[program]}
    listening = {one.pid for one in listeners()}
    return sorted(pid for pid in own if (parent := _parent(pid)) == 1 or (pid in listening and parent not in own))


def _strays(program: str, unit: str) -> list[int]:
    return [pid for pid in _daemons(program) if f"/{unit}" not in cgroup(pid)]


def _end(program: str, unit: str) -> str:
    run(["systemctl", "stop", unit])  # a unit that loops in "activating" would fight us
    if program in OWN_STOP:
        run(OWN_STOP[program])
    deadline = time.monotonic() + STOP_SECONDS
    while strays := _strays(program, unit):
        for pid in strays:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            return f"process {strays[0]} does not end"
        time.sleep(0.5)
    return ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            "unit": {"type": "str", "required": True},
            "program": {"type": "str", "required": True, "choices": sorted(DAEMON)},
        },
        supports_check_mode=True,
    )
    unit, program, frame = module.params["unit"], module.params["program"], module.params["frame"]
    strays = _strays(program, unit)
    if not strays and (unit_processes(unit) or program == "dovecot"):  # a Dovecot that does not start needs a person
        module.exit_json(changed=False, strays=[])
    state = f"{unit} owns nothing\n" if not strays else f"{program} runs outside of {unit} as process {', '.join(map(str, strays))}\n"
    diff = {"before": state, "after": f"{unit} owns the {program} daemon\n"}
    if module.check_mode:
        module.exit_json(changed=True, strays=strays, diff=diff)
    flowing = [line for line, true in observe([], frame["recipients"]).items() if true]
    for number in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    trouble = _end(program, unit) if strays else ""
    run(["systemctl", "reset-failed", unit])
    started = run(["systemctl", "restart", unit])
    deadline = time.monotonic() + START_SECONDS
    while True:
        now = observe([unit], frame["recipients"])
        lost = [line for line in [f"{unit} has a process", *flowing] if not now.get(line)]
        if not lost and not _strays(program, unit):
            module.exit_json(changed=True, strays=strays, diff=diff)
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    if program == "postfix" and not _daemons(program):
        run(["postfix", "start"])  # better by hand than not at all
    reason = trouble or (last_line(started.stderr) if started.returncode else f"no longer true: {lost[0] if lost else unit}")
    module.fail_json(msg=f"{unit} could not take over {program}: {reason}")


if __name__ == "__main__":
    main()
