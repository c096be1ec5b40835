#!/usr/bin/python
"""resolv.conf and Postfix's copy of it, changed only towards name servers that answer."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_files import FILES_SPEC, put_files
from ansible.module_utils.mail_transaction import FRAME_SPEC, Transaction
from ansible.module_utils.name_question import answers

DOCUMENTATION = """
module: resolver_config
short_description: Ask several name servers, so that one may die
description:
  - Name servers that are there stay, behind those that are named. Search lists, options and comments stay as they are.
  - A resolv.conf that another program writes is refused, because the change would not last.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  what: {description: the change in words, for messages, type: str, required: true}
  servers: {description: name servers to ask first, in this order, type: list, elements: str, default: []}
  files: {description: configuration of a name server on this host, type: list, elements: dict, default: []}
  apply: {description: commands that make those files live, type: list, elements: list, default: []}
  chroot: {description: directory whose etc/resolv.conf is Postfix's copy; empty for none, type: str, default: ''}
author: [The auditor project]
"""
EXAMPLES = "- resolver_config: {frame: '{{ mail_host_frame }}', what: Two name servers are asked, servers: [127.0.0.1, 192.0.2.53]}"
RETURN = "backup: {description: where the previous files are, returned: changed, type: str}"

RESOLV_CONF = Path("/etc/resolv.conf")
MOST = 3  # resolv.conf(5), MAXNS: the library ignores more
NAME_SERVER = re.compile(r"(?m)^nameserver[ \t]+(\S+)[^\n]*\n?")


def keeper(text: str) -> str:
    """The program that writes this resolv.conf, '' where an admin does."""
    target = os.path.realpath(RESOLV_CONF)
    if target != str(RESOLV_CONF):
        return "systemd-resolved" if "systemd" in target else f"the owner of {target}"
    comments = " ".join(re.findall(r"(?m)^[#;](.*)$", text))
    found = re.search(r"(?i)NetworkManager|resolvconf|systemd-resolved|dhcpcd|dhclient|cloud-init", comments)
    return found.group() if found else ""


def _here(server: str) -> bool:
    return server.startswith("127.") or server == "::1"


def edited(text: str, servers: list[str]) -> str:
    """The text with these name servers, where the first one stood, and with patience of seconds instead of half a minute."""
    lines = "".join(f"nameserver {server}\n" for server in servers)
    found = NAME_SERVER.search(text)
    at = found.start() if found else len(text)
    text = NAME_SERVER.sub("", text[:at]) + lines + NAME_SERVER.sub("", text[at:])
    return text if re.search(r"(?m)^options\b.*\btimeout:", text) else text + "options timeout:2 attempts:2\n"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            "what": {"type": "str", "required": True},
            **FILES_SPEC,
            "servers": {"type": "list", "elements": "str", "default": []},
            "apply": {"type": "list", "elements": "list", "default": []},
            "chroot": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    named, chroot = module.params["servers"], module.params["chroot"]
    change = Transaction(module, module.params["what"])
    text = change.content(str(RESOLV_CONF))
    present = NAME_SERVER.findall(text)
    wanted = list(dict.fromkeys([*named, *present]))[:MOST]
    fresh = edited(text if not text or text.endswith("\n") else text + "\n", wanted)
    if fresh != text and (other := keeper(text)):
        module.fail_json(msg=f"/etc/resolv.conf is written by {other}: name {' and '.join(wanted)} there; nothing was changed.")
    if len(wanted) < 2 and not any(_here(one) for one in wanted):
        module.fail_json(msg="One name server only: name a second one in mail_resolvers, or let resolver_local be true; nothing was changed.")
    put_files(change, module.params["files"])
    change.apply = [[str(word) for word in argv] for argv in module.params["apply"]] if change.differing() else []
    change.put(str(RESOLV_CONF), fresh.encode("utf-8", "surrogateescape"))
    if chroot and Path(chroot, "etc").is_dir():
        change.put(f"{chroot}/etc/resolv.conf", fresh.encode("utf-8", "surrogateescape"), mode=0o644)
        change.apply.append(["postfix", "reload"])

    def silent(servers: list[str]) -> str | None:
        dead = [server for server in servers if not answers(server)]
        return f"{dead[0]} resolves nothing" if dead else None

    # One on this host may be yet to be configured; one that was there before and is dead now is kept, because it may come back.
    change.checks.append(lambda: silent([server for server in named if not _here(server)]))
    change.prove = [lambda: None if silent(wanted[:1]) is None else f"{wanted[0]} resolves names"]
    change.commit()


if __name__ == "__main__":
    main()
