#!/usr/bin/python
"""Minimal edits of /etc/smtpd.conf, tried with smtpd -n before they go live."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_files import FILES_SPEC, put_files
from ansible.module_utils.mail_transaction import FRAME_SPEC, Transaction, last_line, run
from ansible.module_utils.smtpd_conf import bare_postmaster, pki_names, relay_closed, with_starttls, with_submission
from ansible.module_utils.temporary_measure import MEASURE_SPEC, Measure

DOCUMENTATION = """
module: opensmtpd_config
short_description: Change single rules of smtpd.conf, or leave it as it was
description:
  - OpenSMTPD has no reload; the service is restarted and must listen again (smtpd -n accepts files that do not start).
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  what: {description: the change in words, for messages, type: str, required: true}
  close_relay: {description: rules that relay for anybody ask for a login, type: bool, default: false}
  trusted: {description: networks that may relay, type: list, elements: str, default: []}
  postmaster: {description: mail for postmaster without a domain is delivered here, type: bool, default: false}
  submission: {description: "table of senders, and chain and key for a file that names no certificate: users log in at 465 and 587", type: dict, default: {}}
  starttls: {description: chain and key for a file that names no certificate; STARTTLS is offered at port 25, type: dict, default: {}}
  substitute: {description: pattern and replacement within lines of smtpd.conf, type: dict, default: {}}
  first: {description: lines put before the first match rule, type: list, elements: str, default: []}
  top: {description: lines put before the first listen rule, type: list, elements: str, default: []}
  remove: {description: lines taken out, type: list, elements: str, default: []}
  files: {description: tables that the rules name, type: list, elements: dict, default: []}
  forgo: {description: phrases about the service that need not stay true, type: list, elements: str, default: []}
  opens: {description: ports at which users must be able to log in afterwards, type: list, elements: int, default: []}
  measure: {description: name of a temporary measure, remembered so that it can be taken back, type: str, default: ""}
  gone: {description: the measure is taken back instead, type: bool, default: false}
author: [The auditor project]
"""
EXAMPLES = """
- opensmtpd_config:
    frame: "{{ mail_host_frame }}"
    what: Mail for strangers is refused
    close_relay: true
"""
RETURN = "backup: {description: where the previous files are, returned: changed, type: str}"

CONFIG = "/etc/smtpd.conf"


def _before(text: str, keyword: str, line: str) -> str:
    """The line put before the first rule of a kind; it is found again by its exact text."""
    if re.search(rf"(?m)^{re.escape(line)}$", text):
        return text
    found = re.search(rf"(?m)^\s*{keyword}\b", text)
    at = found.start() if found else len(text)
    return text[:at] + line + "\n" + text[at:]


def _with_pki(text: str, wanted: dict) -> tuple[str, str]:
    """The file with a certificate in it, and the name of that."""
    known = pki_names(text)
    if not known:
        for line in (f'pki "auditor" cert "{wanted["chain"]}"', f'pki "auditor" key "{wanted["key"]}"'):
            text = _before(text, "listen", line)
    return text, (known or ["auditor"])[0]


def edited(text: str, params: dict) -> str:
    """smtpd.conf after the edits that the task asks for."""
    if params["close_relay"]:
        text = relay_closed(text, params["trusted"])
    if params["postmaster"] and (rule := bare_postmaster(text)):
        text = _before(text, "match", rule)
    if params["submission"]:
        text = with_submission(*_with_pki(text, params["submission"]), params["submission"]["senders"])
    if params["starttls"]:
        text = with_starttls(*_with_pki(text, params["starttls"]))
    for pattern, replacement in params["substitute"].items():
        text = re.sub(rf"(?m){pattern}", replacement, text)
    for line in params["top"]:
        text = _before(text, "listen", line)
    for line in reversed(params["first"]):
        text = _before(text, "match", line)
    for line in params["remove"]:
        text = re.sub(rf"(?m)^{re.escape(line)}\n", "", text)
    return text


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            **FILES_SPEC,
            **MEASURE_SPEC,
            "what": {"type": "str", "required": True},
            "close_relay": {"type": "bool", "default": False},
            "trusted": {"type": "list", "elements": "str", "default": []},
            "postmaster": {"type": "bool", "default": False},
            "submission": {"type": "dict", "default": {}},
            "starttls": {"type": "dict", "default": {}},
            "substitute": {"type": "dict", "default": {}},
            "first": {"type": "list", "elements": "str", "default": []},
            "top": {"type": "list", "elements": "str", "default": []},
            "remove": {"type": "list", "elements": "str", "default": []},
            "forgo": {"type": "list", "elements": "str", "default": []},
            "opens": {"type": "list", "elements": "int", "default": []},
        },
        supports_check_mode=True,
    )
    change = Transaction(module, module.params["what"], forgo=module.params["forgo"], opens=module.params["opens"])
    measure = Measure(change, module.params)
    if not measure.gone:
        put_files(change, module.params["files"])
        change.put(CONFIG, edited(change.content(CONFIG), module.params))
    measure.remember()

    def accepted() -> str | None:
        with tempfile.TemporaryDirectory(prefix="auditor-smtpd-") as scratch:
            text = change.content(CONFIG)
            for number, (path, file) in enumerate(change.differing().items()):
                if str(path) != CONFIG and file.content is not None:
                    staged = Path(scratch) / f"table{number}"
                    staged.write_bytes(file.content)
                    text = text.replace(str(path), str(staged))
            candidate = Path(scratch) / "smtpd.conf"
            candidate.write_text(text, encoding="utf-8", errors="surrogateescape")
            tried = run(["smtpd", "-n", "-f", str(candidate)])
            return f"smtpd refuses it: {last_line(tried.stderr)}" if tried.returncode else None

    change.checks.append(accepted)
    change.apply = [["systemctl", "try-restart", "opensmtpd.service"]]
    change.commit()


if __name__ == "__main__":
    main()
