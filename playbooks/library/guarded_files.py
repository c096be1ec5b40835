#!/usr/bin/python
"""Files of any service: tried, put in place, applied, proven, or put back."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_files import FILES_SPEC, put_files
from ansible.module_utils.mail_transaction import FRAME_SPEC, Transaction, last_line, run
from ansible.module_utils.temporary_measure import MEASURE_SPEC, Measure

DOCUMENTATION = """
module: guarded_files
short_description: Change files and apply them, or leave everything as it was
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  what: {description: the change in words, for messages, type: str, required: true}
  files:
    description: files by path, as content, as lines by pattern, as lines added once, or absent
    type: list
    elements: dict
    default: []
  try_first:
    description: commands that must succeed on the candidate; {0}, {1}, ... are the staged files, in their order
    type: list
    elements: list
    default: []
  trial: {description: commands that must succeed with the files in place before they are applied, type: list, elements: list, default: []}
  apply: {description: commands that make the files live, type: list, elements: list, default: []}
  prove: {description: commands that must succeed afterwards, type: list, elements: list, default: []}
  unless: {description: commands; where all succeed and no file differs there is nothing to do, type: list, elements: list, default: []}
  accepts: {description: addresses that port 25 must accept afterwards (where it listens at all), type: list, elements: str, default: []}
  mail: {description: the change may touch the mail service, so it is spoken to before and after, type: bool, default: true}
  forgo: {description: phrases about the mail service that need not stay true, type: list, elements: str, default: []}
  measure: {description: name of a temporary measure, remembered so that it can be taken back, type: str, default: ""}
  gone: {description: the measure is taken back instead, type: bool, default: false}
author: [The auditor project]
"""
EXAMPLES = """
- guarded_files:
    frame: "{{ mail_host_frame }}"
    what: The journal survives a reboot
    files: [{path: /etc/systemd/journald.conf.d/50-auditor.conf, content: "[Journal]\\nStorage=persistent\\n"}]
    apply: [[systemctl, restart, systemd-journald]]
"""
RETURN = "backup: {description: where the previous files are, returned: changed, type: str}"


def main() -> None:
    commands = {"type": "list", "elements": "list", "default": []}
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            **FILES_SPEC,
            **MEASURE_SPEC,
            "what": {"type": "str", "required": True},
            "try_first": commands,
            "trial": commands,
            "apply": commands,
            "prove": commands,
            "unless": commands,
            "accepts": {"type": "list", "elements": "str", "default": []},
            "mail": {"type": "bool", "default": True},
            "forgo": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    change = Transaction(module, params["what"], forgo=params["forgo"], mail=params["mail"])
    measure = Measure(change, params)
    if not measure.gone:
        put_files(change, params["files"])
    measure.remember()
    for argv in params["unless"]:
        if run([str(word) for word in argv]).returncode:
            change.state.append(f"`{shlex.join(str(word) for word in argv)}` is not true yet")

    def tried() -> str | None:
        with tempfile.TemporaryDirectory(prefix="auditor-try-") as scratch:
            staged = []
            for number, one in enumerate(params["files"]):
                candidate = Path(scratch) / f"{number}-{Path(one['path']).name}"
                candidate.write_bytes(change.content(one["path"]).encode("utf-8", "surrogateescape"))
                staged.append(str(candidate))
            for argv in params["try_first"]:
                if module.check_mode and not shutil.which(argv[0]):  # a task before this one would have installed it
                    module.warn(f"{params['what']}: {argv[0]} is not installed yet, so the candidate was not tried")
                    continue
                done = run([str(word).format(*staged) for word in argv])
                if done.returncode:
                    return f"`{argv[0]}` refuses it: {last_line(done.stderr or done.stdout)}"
        return None

    def proof(argv: list[str]) -> str | None:
        return f"`{shlex.join(argv)}` succeeds" if run(argv).returncode else None

    change.checks.append(tried)
    change.trial = [[str(word) for word in argv] for argv in params["trial"]]
    change.apply = [[str(word) for word in argv] for argv in params["apply"]]
    change.prove = [lambda argv=[str(word) for word in argv]: proof(argv) for argv in params["prove"]]
    change.accepts = [str(address) for address in params["accepts"]]
    change.commit()


if __name__ == "__main__":
    main()
