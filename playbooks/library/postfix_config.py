#!/usr/bin/python
"""Single parameters and services of Postfix, tried on a copy of /etc/postfix before they go live."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_files import FILES_SPEC, put_files
from ansible.module_utils.mail_transaction import FRAME_SPEC, Broken, Transaction, last_line, run
from ansible.module_utils.temporary_measure import MEASURE_SPEC, Measure

DOCUMENTATION = """
module: postfix_config
short_description: Change parameters and services of Postfix, or leave it as it was
description:
  - Only parameters whose value differs are touched, by postconf; comments and all other lines stay byte for byte.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  what: {description: the change in words, for messages, type: str, required: true}
  settings: {description: main.cf parameters, type: dict, default: {}}
  absent: {description: main.cf parameters that go back to their default, type: list, elements: str, default: []}
  services: {description: master.cf lines by name/type; an empty line removes the service, type: dict, default: {}}
  options: {description: master.cf -o options by name/type/parameter; an empty value removes one, type: dict, default: {}}
  files: {description: files that the settings name, type: list, elements: dict, default: []}
  maps: {description: lookup tables to compile with postmap, type: list, elements: str, default: []}
  restart: {description: listeners move, so a reload is not enough, type: bool, default: false}
  forgo: {description: phrases about the service that need not stay true, type: list, elements: str, default: []}
  opens: {description: ports at which users must be able to log in afterwards, type: list, elements: int, default: []}
  measure: {description: name of a temporary measure, remembered so that it can be taken back, type: str, default: ""}
  gone: {description: the measure is taken back instead, type: bool, default: false}
author: [The auditor project]
"""
EXAMPLES = """
- postfix_config:
    frame: "{{ mail_host_frame }}"
    what: VRFY is off
    settings: {disable_vrfy_command: "yes"}
"""
RETURN = "backup: {description: where the previous files are, returned: changed, type: str}"

HOME = Path("/etc/postfix")


def _postconf(stage: Path, *arguments: str) -> str:
    done = run(["postconf", "-c", str(stage), *arguments])
    if done.returncode:
        raise Broken(last_line(done.stderr))
    return done.stdout


def _same(one: str, other: str) -> bool:
    """Lists are separated by commas or blanks, and folded at will."""
    return re.split(r"[\s,]+", one.strip()) == re.split(r"[\s,]+", other.strip())


def _complaints(stage: Path) -> set[str]:
    """What Postfix says against a configuration, without the name of the directory."""
    text = run(["postconf", "-c", str(stage), "-n"]).stderr + run(["postconf", "-c", str(stage), "-M"]).stderr
    checked = run(["postfix", "-c", str(stage), "check"])
    text += checked.stderr
    if checked.returncode:
        text += "\npostfix check: " + last_line(checked.stderr)
    return {line.replace(str(stage), str(HOME)).strip() for line in text.splitlines() if re.search("fatal|error|unused|check:", line)}


def _stage(stage: Path, params: dict) -> None:
    for name, value in params["settings"].items():
        if not _same(_postconf(stage, "-h", name), str(value)):
            _postconf(stage, "-e", f"{name}={value}")
    explicit = set(re.findall(r"(?m)^(\w+) =", _postconf(stage, "-n")))
    for name in params["absent"]:
        if name in explicit:
            _postconf(stage, "-X", name)
    for name, line in params["services"].items():
        present = _postconf(stage, "-M", name)
        if not line and present:
            _postconf(stage, "-MX", name)
        elif line and present.split() != line.split():
            _postconf(stage, "-M", f"{name}={line}")
    known = dict(re.findall(r"(?m)^(\S+/\S+/\S+) =[ \t]*(.*)$", _postconf(stage, "-P")))
    for name, text in params["options"].items():
        # master.cf(5): no blanks in the value of an option; in a list a comma says the same.
        value = ",".join(re.split(r"[\s,]+", text.strip())) if name.endswith("_restrictions") else text
        if value and not _same(known.get(name, ""), value):
            _postconf(stage, "-P", f"{name}={value}")
        elif not value and name in known:
            _postconf(stage, "-PX", name)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            **FILES_SPEC,
            **MEASURE_SPEC,
            "what": {"type": "str", "required": True},
            "settings": {"type": "dict", "default": {}},
            "absent": {"type": "list", "elements": "str", "default": []},
            "services": {"type": "dict", "default": {}},
            "options": {"type": "dict", "default": {}},
            "maps": {"type": "list", "elements": "str", "default": []},
            "restart": {"type": "bool", "default": False},
            "forgo": {"type": "list", "elements": "str", "default": []},
            "opens": {"type": "list", "elements": "int", "default": []},
        },
        supports_check_mode=True,
    )
    change = Transaction(module, module.params["what"], forgo=module.params["forgo"], opens=module.params["opens"])
    with tempfile.TemporaryDirectory(prefix="auditor-postfix-") as scratch:
        stage = Path(scratch) / "postfix"
        shutil.copytree(HOME, stage, symlinks=True)
        known = _complaints(stage)
        measure = Measure(change, module.params)
        for name in ("main.cf", "master.cf"):
            (stage / name).write_text(change.content(str(HOME / name)), encoding="utf-8", errors="surrogateescape")
        try:
            if not measure.gone:
                _stage(stage, module.params)
        except Broken as error:
            module.fail_json(msg=f"{change.what}: not done, nothing was changed: {error}")
        for name in ("main.cf", "master.cf"):
            change.put(str(HOME / name), (stage / name).read_bytes())
        if not measure.gone:
            put_files(change, module.params["files"])
        measure.remember()

        def accepted() -> str | None:
            fresh = _complaints(stage) - known
            return "Postfix refuses it: " + sorted(fresh)[0] if fresh else None

        change.checks.append(accepted)
        change.apply = [["postmap", table] for table in module.params["maps"]]
        unit = module.params["frame"]["units"][0]
        change.apply.append(["systemctl", "restart", unit] if module.params["restart"] else ["postfix", "reload"])
        change.commit()


if __name__ == "__main__":
    main()
