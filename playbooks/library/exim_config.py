#!/usr/bin/python
"""Debian's Exim 4, split or single: macros and settings, tried on a copy before they go live."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_files import FILES_SPEC, put_files, with_lines
from ansible.module_utils.mail_transaction import FRAME_SPEC, Transaction, last_line, run
from ansible.module_utils.temporary_measure import MEASURE_SPEC, Measure

DOCUMENTATION = """
module: exim_config
short_description: Change macros, main options and Debian settings of Exim, or leave it as it was
description:
  - Macros go to exim4.conf.localmacros (single) or conf.d/main/000_localmacros (split); everything else stays.
  - Besides exim4 -bV, which does not expand strings, sessions of a stranger and of a user are played by exim4 -bh, which delivers nothing.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  what: {description: the change in words, for messages, type: str, required: true}
  macros: {description: macros and main options; null removes one, type: dict, default: {}}
  debian: {description: settings of update-exim4.conf.conf, type: dict, default: {}}
  authenticators: {description: blocks for the section authenticators; read from a file of our own, type: str, default: ""}
  files: {description: ACL files and tables, type: list, elements: dict, default: []}
  restart: {description: listeners move, so a reload is not enough, type: bool, default: false}
  forgo: {description: phrases about the service that need not stay true, type: list, elements: str, default: []}
  opens: {description: ports at which users must be able to log in afterwards, type: list, elements: int, default: []}
  measure: {description: name of a temporary measure, remembered so that it can be taken back, type: str, default: ""}
  gone: {description: the measure is taken back instead, type: bool, default: false}
author: [The auditor project]
"""
EXAMPLES = """
- exim_config:
    frame: "{{ mail_host_frame }}"
    what: The banner names no version
    macros: {smtp_banner: $smtp_active_hostname ESMTP}
"""
RETURN = "backup: {description: where the previous files are, returned: changed, type: str}"

HOME = Path("/etc/exim4")
SINGLE, SPLIT = "exim4.conf.localmacros", "conf.d/main/000_localmacros"
TEMPLATE, FRAGMENT = "exim4.conf.template", "conf.d/auth/90_auditor"
SCRIPT = Path("/usr/sbin/update-exim4.conf")
STRANGER = "198.51.100.250"  # TEST-NET-2, RFC 5737: in nobody's trusted networks
LOGGED_IN = ("-oMaa", "plain", "-oMai", "auditor")  # exim(8): with -bh, an authenticated session without AUTH
TAKEN = "232"  # RCPT, DATA, and the message itself


def _macro_file(debian: str) -> Path:
    split = re.search(r"(?m)^dc_use_split_config='true'", debian)
    return HOME / (SPLIT if split else SINGLE)


def put_authenticators(change: Transaction, text: str, *, split: bool) -> None:
    """Blocks of our own in /etc/exim4/auditor-authenticators, and one line that reads them.

    exim4.conf.template has no hook for this section (its own comments tell to edit it), conf.d has: a file.
    """
    own, include = HOME / "auditor-authenticators", f".include {HOME}/auditor-authenticators\n"
    change.put(str(own), text, mode=0o644)
    if split:
        change.put(str(HOME / FRAGMENT), include, mode=0o644)
        return
    template = change.content(str(HOME / TEMPLATE))
    if include not in template:
        template = re.sub(r"(?m)^begin authenticators[ \t]*\n", lambda found: found.group() + include, template, count=1)
        change.put(str(HOME / TEMPLATE), template.encode("utf-8", "surrogateescape"))


def _build(stage: Path) -> tuple[Path, str]:
    """The effective configuration of a staged /etc/exim4, and what its making or -bV complains of.

    Debian's script reads the macros of a single configuration below /etc/exim4 whatever directory it is told, so a copy
    of it is run that names the staged ones; and what the macros include is what is staged, too.
    """
    out, script = stage / "built", stage / "update-exim4.conf.copy"
    text = SCRIPT.read_text(encoding="utf-8", errors="surrogateescape")
    script.write_text(text.replace(f"{HOME}/{SINGLE}", f"{stage}/{SINGLE}"), encoding="utf-8", errors="surrogateescape")
    for source in (*(stage / name for name in (SINGLE, SPLIT, TEMPLATE, FRAGMENT)), *stage.glob("auditor-*")):
        if source.exists():
            text = source.read_text(encoding="utf-8", errors="surrogateescape").replace(f"{HOME}/auditor-", f"{stage}/auditor-")
            source.write_text(text, encoding="utf-8", errors="surrogateescape")
    made = run(["sh", str(script), "-d", str(stage), "-o", str(out)])
    tried = run(["exim4", "-C", str(out), "-bV"]) if made.returncode == 0 else made
    return out, _complaint(tried.stderr or tried.stdout).replace(str(stage), str(HOME)) if tried.returncode else ""


def _complaint(text: str) -> str:
    """Exim's own words; Debian's script ends with a sentence of its own, about the file that it did not install."""
    found = re.search(r"(?im)exim configuration error.*(?:\n[ \t]+\S.*)?", text)
    return " ".join(found.group().split())[:300] if found else last_line(text)


def _session(built: Path, recipients: list[str], *words: str, message: bool = False) -> tuple[list[str], str]:
    """Reply codes of a session that exim4 -bh plays, which delivers nothing, and the first failed expansion, if any."""
    talk = "EHLO stranger.invalid\r\n"
    for one in recipients:
        text = "DATA\r\nSubject: none\r\n\r\nnone\r\n.\r\n" if message else ""
        talk += f"MAIL FROM:<>\r\nRCPT TO:<{one}>\r\n{text}RSET\r\n"
    done = run(["exim4", "-C", str(built), "-bh", STRANGER, *words], stdin=f"{talk}QUIT\r\n")
    broken = re.search(r"(?i)failed to expand.*|unknown (?:acl|option).*|cannot open.*|error in acl.*", done.stdout + done.stderr)
    return re.findall(r"(?m)^(\d)\d\d ", done.stdout), broken.group()[:200] if broken else ""


def _worse(before: Path, after: Path, recipients: list[str], *, forgo: bool) -> str | None:
    """What the candidate does to a stranger's session, and to messages of a stranger and of a user, that the present one does not."""
    was, trouble = _session(before, recipients)
    now, broken = _session(after, recipients)
    if broken and not trouble:
        return f"Exim cannot run it: {broken}"
    if was != now and not forgo:
        return f"a stranger's mail for {', '.join(recipients)} would be answered {'/'.join(now)} instead of {'/'.join(was)}"
    for whose, words in (("stranger", ()), ("user", LOGGED_IN)):
        was, trouble = _session(before, recipients[:1], *words, message=True)
        now, broken = _session(after, recipients[:1], *words, message=True)
        if broken and not trouble:
            return f"Exim cannot run it: {broken}"
        if TAKEN in "".join(was) and TAKEN not in "".join(now) and not forgo:
            return f"a {whose}'s message would be answered {'/'.join(now)} instead of {'/'.join(was)}"
    return None


def _ask(change: Transaction, params: dict) -> None:
    settings = HOME / "update-exim4.conf.conf"
    debian = change.content(str(settings))
    lines = {rf"{name}=": f"{name}='{value}'" for name, value in params["debian"].items()}
    change.put(str(settings), with_lines(debian, lines))
    macros = str(_macro_file(debian))
    wanted = {rf"{re.escape(name)}\s*=": "" if value is None else f"{name} = {value}".rstrip() for name, value in params["macros"].items()}
    if wanted:
        text = with_lines(change.content(macros), wanted)
        change.put(macros, text if text or change.text(macros) is not None else None)
    put_files(change, params["files"])
    if params["authenticators"]:
        put_authenticators(change, params["authenticators"], split=_macro_file(debian).parent != HOME)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            **FILES_SPEC,
            **MEASURE_SPEC,
            "what": {"type": "str", "required": True},
            "macros": {"type": "dict", "default": {}},
            "debian": {"type": "dict", "default": {}},
            "authenticators": {"type": "str", "default": ""},
            "restart": {"type": "bool", "default": False},
            "forgo": {"type": "list", "elements": "str", "default": []},
            "opens": {"type": "list", "elements": "int", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    change = Transaction(module, params["what"], forgo=params["forgo"], opens=params["opens"])
    measure = Measure(change, params)
    if not measure.gone:
        _ask(change, params)
    measure.remember()

    def accepted() -> str | None:
        with tempfile.TemporaryDirectory(prefix="auditor-exim-") as scratch:
            Path(scratch).chmod(0o755)
            old, new = Path(scratch) / "old", Path(scratch) / "new"
            for stage in (old, new):
                shutil.copytree(HOME, stage, symlinks=True)
            for path, file in change.differing().items():
                if HOME in path.parents and file.content is not None:
                    target = new / path.relative_to(HOME)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(file.content.replace(f"{HOME}/auditor-".encode(), f"{new}/auditor-".encode()))
                    target.chmod(0o644)
            before, complaint = _build(old)
            if complaint:
                return f"the present configuration is already refused by Exim: {complaint}"
            after, complaint = _build(new)
            if complaint:
                return f"Exim refuses it: {complaint}"
            return _worse(before, after, params["frame"]["recipients"], forgo=bool(params["forgo"]))

    change.checks.append(accepted)
    change.apply = [["update-exim4.conf"], ["systemctl", "restart" if params["restart"] else "try-reload-or-restart", "exim4.service"]]
    change.commit()


if __name__ == "__main__":
    main()
