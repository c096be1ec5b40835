#!/usr/bin/python
"""Lines of sendmail.mc and of the access map, built and tried beside the live ones first."""

from __future__ import annotations

import ipaddress
import re
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_files import FILES_SPEC, put_files
from ansible.module_utils.mail_transaction import FRAME_SPEC, Transaction, last_line, run
from ansible.module_utils.sendmail_mc import MARK, with_doors, with_senders
from ansible.module_utils.temporary_measure import MEASURE_SPEC, Measure

DOCUMENTATION = """
module: sendmail_config
short_description: Change single lines of sendmail.mc, or leave Sendmail as it was
description:
  - Features that open the host are commented out with dnl; defines are set by name; other lines stay byte for byte.
  - A sendmail.cf that sendmail.mc does not produce was edited by hand and is refused.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  what: {description: the change in words, for messages, type: str, required: true}
  features_off: {description: features that are commented out, type: list, elements: str, default: []}
  features: {description: FEATURE lines by name, put before the MAILER lines, type: dict, default: {}}
  defines: {description: m4 definitions by name, type: dict, default: {}}
  rulesets: {description: rules put first in a ruleset of the site such as Local_check_rcpt, type: dict, default: {}}
  sections: {description: lines or rules of sendmail.cf by the m4 word that opens their section, type: dict, default: {}}
  substitute: {description: pattern and replacement within sendmail.mc, type: dict, default: {}}
  limits: {description: "ClientConn and ClientRate of the access map: what one client may hold, and open in a window", type: dict, default: {}}
  narrow: {description: relay permits for networks outside of trusted are commented out, type: bool, default: false}
  trusted: {description: networks that may relay, type: list, elements: str, default: []}
  files: {description: tables such as /etc/mail/access, type: list, elements: dict, default: []}
  forgo: {description: phrases about the service that need not stay true, type: list, elements: str, default: []}
  opens: {description: ports at which users must be able to log in afterwards, type: list, elements: int, default: []}
  measure: {description: name of a temporary measure, remembered so that it can be taken back, type: str, default: ""}
  gone: {description: the measure is taken back instead, type: bool, default: false}
author: [The auditor project]
"""
EXAMPLES = """
- sendmail_config:
    frame: "{{ mail_host_frame }}"
    what: Mail for strangers is refused
    features_off: [promiscuous_relay]
"""
RETURN = "backup: {description: where the previous files are, returned: changed, type: str}"

SOURCE, BUILT = "/etc/mail/sendmail.mc", "/etc/mail/sendmail.cf"


def edited(text: str, params: dict) -> str:
    """sendmail.mc after the edits that the task asks for."""
    for feature in params["features_off"]:
        text = re.sub(rf"(?m)^(?=[ \t]*FEATURE\(`?{re.escape(feature)}\b)", MARK, text)
    for pattern, replacement in params["substitute"].items():
        text = re.sub(rf"(?m){pattern}", replacement, text)
    for name, value in params["defines"].items():
        line = f"define(`{name}', `{value}')dnl"
        found = re.search(rf"(?m)^[ \t]*define\(`{name}',.*$", text)
        if found and value not in found.group():
            text = text[: found.start()] + line + text[found.end() :]
        elif not found:
            text = _before_mailers(text, line)
    for ruleset, lines in params["rulesets"].items():
        text = _first_in(text, ruleset, "".join(f"{line}\n" for line in _rules(lines)))
    for section, lines in params["sections"].items():
        if missing := [line for line in _rules(lines) if line not in text.splitlines()]:
            text += f"{section}\n" + "".join(f"{line}\n" for line in missing)
    for name, line in params["features"].items():
        if not re.search(rf"(?m)^[ \t]*(?:FEATURE|INPUT_MAIL_FILTER|DAEMON_OPTIONS|TRUST_AUTH_MECH)\(`?{re.escape(name)}", text):
            text = _before_mailers(text, line)
    if params["submission"]:
        text = with_senders(with_doors(text, bare_smtp=params["submission"]["bare_smtp"]))
    return text


def _before_mailers(text: str, line: str) -> str:
    found = re.search(r"(?m)^[ \t]*(?:MAILER_DEFINITIONS|MAILER\()", text)
    at = found.start() if found else len(text)
    return text[:at] + line + "\n" + text[at:]


def _rules(lines: list[str] | dict[str, str]) -> list[str]:
    """Lines of sendmail.cf; what a rule looks for is parted from what it makes of it by a tab, which a playbook does not show."""
    return [f"{one}\t{other}" for one, other in lines.items()] if isinstance(lines, dict) else lines


def _first_in(text: str, ruleset: str, lines: str) -> str:
    """Rules put before all others of a ruleset of the site: one of those may end it by saying OK."""
    found = re.search(rf"(?m)^S{ruleset}\b.*\n", text)
    if found:
        return text[: found.end()] + lines + text[found.end() :]
    return text + ("" if text.endswith("\n") else "\n") + f"LOCAL_RULESETS\nS{ruleset}\n{lines}"


def _network(text: str) -> Any:
    """The network that an access map key such as 10, 192.0.2 or IPv6:2001:db8 stands for, None for a name."""
    words = text.removeprefix("IPv6:")
    if re.fullmatch(r"\d+(?:\.\d+){0,2}", words):
        octets = words.split(".")
        words = ".".join(octets + ["0"] * (4 - len(octets))) + f"/{8 * len(octets)}"
    try:
        return ipaddress.ip_network(words, strict=False)
    except ValueError:
        return None


def narrowed(text: str, trusted: list[str]) -> str:
    """An access map or relay-domains file in which only trusted networks may relay."""
    allowed = [net for one in [*trusted, "127.0.0.0/8", "::1"] if (net := _network(one)) is not None]

    def decide(match: re.Match[str]) -> str:
        tag, key, value = match.group("tag") or "", match.group("key"), match.group("value") or "RELAY"
        network = _network(key)
        inside = network is not None and any(network.version == one.version and network.subnet_of(one) for one in allowed)
        named = network is None and tag.lower() != "from:" and key not in {"*", "."}
        harmless = value.upper() != "RELAY" or tag.lower() == "to:" or inside or named
        return match.group() if harmless else f"# auditor: {match.group()}"

    return re.sub(r"(?im)^(?P<tag>(?:connect|from|to):)?(?P<key>[^\s#]+)(?:[ \t]+(?P<value>\w+))?[ \t]*$", decide, text)


def limited(text: str, limits: dict[str, Any]) -> str:
    """An access map in which every client has these limits, this host's own programs none; a limit that is there stays, 0 is none."""
    for name, number in limits.items():
        found = re.search(rf"(?im)^{name}:[ \t]+(?P<number>\S+)[ \t]*$", text)
        if found and found["number"] != "0":
            continue
        if found:
            text = text[: found.start()] + f"{name}:\t\t\t{number}" + text[found.end() :]
            continue
        text += "" if text.endswith("\n") or not text else "\n"
        for near in ("127", "IPv6:::1"):
            text += "" if re.search(rf"(?im)^{name}:{re.escape(near)}[ \t]", text) else f"{name}:{near}\t\t0\n"
        text += f"{name}:\t\t\t{number}\n"
    return text


def build(text: str) -> tuple[str, str]:
    """sendmail.cf from sendmail.mc, as Debian's Makefile makes it, and what m4 said of an error."""
    with tempfile.TemporaryDirectory(prefix="auditor-sendmail-") as scratch:
        source = Path(scratch) / "sendmail.mc"
        source.write_text(text, encoding="utf-8", errors="surrogateescape")
        done = run(["m4", "-I", "/etc/mail", str(source)])
        appended = "### /etc/mail/sendmail.mc ###\n" + "".join(f"# {line}\n" for line in text.splitlines())
        return done.stdout and done.stdout + appended, "" if done.returncode == 0 and done.stdout else last_line(done.stderr)


def rules(text: str) -> list[str]:
    """A sendmail.cf without comments and time stamps: what two builds must share."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            **FILES_SPEC,
            **MEASURE_SPEC,
            "what": {"type": "str", "required": True},
            "features_off": {"type": "list", "elements": "str", "default": []},
            "features": {"type": "dict", "default": {}},
            "defines": {"type": "dict", "default": {}},
            "submission": {"type": "dict", "default": {}},
            "substitute": {"type": "dict", "default": {}},
            "limits": {"type": "dict", "default": {}},
            "rulesets": {"type": "dict", "default": {}},
            "sections": {"type": "dict", "default": {}},
            "narrow": {"type": "bool", "default": False},
            "trusted": {"type": "list", "elements": "str", "default": []},
            "forgo": {"type": "list", "elements": "str", "default": []},
            "opens": {"type": "list", "elements": "int", "default": []},
        },
        supports_check_mode=True,
    )
    change = Transaction(module, module.params["what"], forgo=module.params["forgo"], opens=module.params["opens"])
    measure = Measure(change, module.params)
    source = change.text_before(SOURCE) or ""
    if not measure.gone:
        put_files(change, module.params["files"])
        change.put(SOURCE, edited(change.content(SOURCE), module.params).encode("utf-8", "surrogateescape"))
    wanted = change.content(SOURCE)
    if module.params["limits"]:
        access = "/etc/mail/access"
        change.put(access, limited(change.content(access), module.params["limits"]).encode("utf-8", "surrogateescape"))
    if module.params["narrow"]:
        for table in ("/etc/mail/access", "/etc/mail/relay-domains"):
            if Path(table).exists():
                change.put(table, narrowed(change.content(table), module.params["trusted"]).encode("utf-8", "surrogateescape"))
    change.apply = [["systemctl", "try-restart", "sendmail.service"]]
    live = change.text_before(BUILT) or ""
    if wanted == source:
        change.put(BUILT, live.encode("utf-8", "surrogateescape"), derived=True)
    else:
        present, complaint = build(source)
        if not complaint and rules(present) != rules(live):
            complaint = "sendmail.cf is not what sendmail.mc makes: it was edited by hand; merge it into sendmail.mc first"
        made, broken = build(wanted)
        if complaint or broken:
            module.fail_json(msg=f"{change.what}: not done, nothing was changed: {complaint or broken}")
        if rules(made) != rules(change.content(BUILT)):  # else the very file that a measure found is there again
            change.put(BUILT, made.encode("utf-8", "surrogateescape"), derived=True)

        def accepted() -> str | None:
            with tempfile.TemporaryDirectory(prefix="auditor-sendmail-") as scratch:
                candidate = Path(scratch) / "sendmail.cf"
                candidate.write_text(made, encoding="utf-8", errors="surrogateescape")
                tried = run(["sendmail-mta", "-C", str(candidate), "-bt"], stdin="3,0 postmaster\n")
                spoken = tried.stdout + tried.stderr
                if tried.returncode or re.search(r"(?i)unknown|bad rule|cannot open|readcf", spoken):
                    return f"sendmail refuses it: {last_line(spoken)}"
            return None

        change.checks.append(accepted)
    # sendmail.conf is read by the program that starts the daemon.
    if any("/etc/mail/" in str(path) for path in change.differing() if str(path) not in (SOURCE, BUILT, "/etc/mail/sendmail.conf")):
        change.apply.insert(0, ["make", "-s", "-C", "/etc/mail", "all"])
    measure.remember()
    change.commit()


if __name__ == "__main__":
    main()
