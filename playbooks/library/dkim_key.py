#!/usr/bin/python
"""The key that this host signs with: found, or made here. Only its public half ever leaves the host."""

from __future__ import annotations

import grp
import os
import pwd
import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_transaction import last_line, run

DOCUMENTATION = """
module: dkim_key
short_description: Find the DKIM key of this host or make one
description:
  - A signer that the admin set up keeps its own key and selector; nothing is made then, and own is false.
  - A key is made by openssl straight into a file that only the signer may read. It is never read back, only its public half is.
options:
  mta: {description: mail program, type: str, required: true}
  selector: {description: selector of a key made here, type: str, required: true}
  path: {description: where a key made here lies, type: path, required: true}
  owner: {description: user that may read it, type: str, required: true}
  bits: {description: size of a key made here, type: int, default: 2048}
author: [The auditor project]
"""
EXAMPLES = "- dkim_key: {mta: postfix, selector: s2026a, path: /etc/dkimkeys/s2026a.private, owner: opendkim}"
RETURN = """
public: {description: the p= tag, returned: when a key is there, type: str}
selector: {description: the selector in use, returned: always, type: str}
own: {description: the key is ours, and so may be the signer's configuration, returned: always, type: bool}
"""

OPENDKIM = Path("/etc/opendkim.conf")


def _theirs(mta: str) -> tuple[str, str] | None:
    """Selector and key file of a signer that somebody else set up; ('', '') for one that cannot be understood."""
    if mta == "exim":
        text = run(["exim4", "-bP", "config"]).stdout
        found = dict(
            re.findall(r"(?m)^[ \t]*(DKIM_(?:DOMAIN|SELECTOR|PRIVATE_KEY))[ \t]*=[ \t]*(\S+)[ \t]*$", text)
        )
        key, ours = found.get("DKIM_PRIVATE_KEY"), "/etc/exim4/auditor-dkim"
        named = found.get("DKIM_SELECTOR", "")
    elif mta in {"postfix", "sendmail"} and OPENDKIM.exists():
        text = OPENDKIM.read_text(encoding="utf-8", errors="replace")
        found = dict(re.findall(r"(?mi)^[ \t]*(KeyFile|KeyTable|Selector)[ \t]+(\S+)", text))
        key, ours = found.get("KeyFile") or found.get("KeyTable"), "/etc/dkimkeys/auditor"
        named = found.get("Selector", "")
    elif mta == "opensmtpd":
        text = Path("/etc/smtpd.conf").read_text(encoding="utf-8", errors="replace")
        called = re.search(r"(?m)^[ \t]*filter\b.*/filter-dkimsign\b(.*)$", text)
        found = dict(re.findall(r"-([sk])[ \t]+([^\s\"]+)", called.group(1))) if called else {}
        key, ours = found.get("k"), "/etc/dkimkeys/auditor"
        named = found.get("s", "")
    else:
        return None
    if not key or ours in key:
        return None
    return (named, key) if re.fullmatch(r"[\w.-]+", named) and re.fullmatch(r"/[\w./-]+", key) else ("", "")


def _public(path: str) -> tuple[str, int]:
    """The public half of a key, as the p= tag has it, and its size in bits."""
    made = run(["openssl", "pkey", "-in", path, "-pubout"])
    told = run(["openssl", "pkey", "-in", path, "-noout", "-text_pub"]).stdout
    size = re.search(r"\((\d+) bit\)", told)
    return "".join(line for line in made.stdout.splitlines() if not line.startswith("-")), int(
        size.group(1)
    ) if size else 0


def _make(module: AnsibleModule, path: str, owner: str) -> None:
    """A key that nobody but its owner could ever read, in place in one step."""
    folder, draft = os.path.dirname(path), f"{path}.draft"
    account = pwd.getpwnam(owner)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    os.umask(0o077)
    done = run(
        [
            "openssl",
            "genpkey",
            "-quiet",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            f"rsa_keygen_bits:{module.params['bits']}",
            "-out",
            draft,
        ]
    )
    if done.returncode:  # OpenSSL 3.0 knows no -quiet
        done = run(
            [
                "openssl",
                "genpkey",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                f"rsa_keygen_bits:{module.params['bits']}",
                "-out",
                draft,
            ]
        )
    if done.returncode:
        module.fail_json(msg=f"No key was made, nothing was changed: {last_line(done.stderr)}")
    os.chown(draft, account.pw_uid, grp.getgrgid(account.pw_gid).gr_gid)
    os.chmod(draft, 0o600)
    os.replace(draft, path)


def main() -> None:
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "mta": text,
            "selector": text,
            "path": {"type": "path", "required": True},
            "owner": text,
            "bits": {"type": "int", "default": 2048},
        },
        supports_check_mode=True,
    )
    path, selector = module.params["path"], module.params["selector"]
    if not re.fullmatch(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?", selector):
        module.fail_json(msg=f"{selector!r} is no name that a DKIM selector can have; nothing was changed.")
    theirs = _theirs(module.params["mta"])
    if theirs == ("", ""):
        module.fail_json(
            msg="A signer with tables or expansions of its own is set up here; publish its keys by hand. Nothing was changed."
        )
    selector, path = theirs or (selector, path)
    missing = not os.path.exists(path)
    if missing and theirs:
        module.fail_json(msg=f"The signer that is set up here has no key at {path}; nothing was changed.")
    if missing and not module.check_mode:
        _make(module, path, module.params["owner"])
    public, bits = _public(path) if os.path.exists(path) else ("", 0)
    if bits and bits < module.params["bits"]:
        module.fail_json(
            msg=f"The key of selector {selector} has {bits} bits: put a new name first in mail_dkim_selectors, and a key is made for it. Nothing was changed."
        )
    diff = {"before": "", "after": f"{path}: a new key (content not shown)\n" if missing else ""}
    module.exit_json(changed=missing, public=public, selector=selector, own=theirs is None, diff=diff)


if __name__ == "__main__":
    main()
