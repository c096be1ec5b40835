#!/usr/bin/python
"""The keys that port 25 presents, those that are to follow, and those that it presented before."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
import smtplib
import ssl
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_transaction import run

DOCUMENTATION = """
module: served_keys
short_description: Look which keys port 25 presents
description:
  - Speaks STARTTLS to every address of the names, from this host, and hands over no mail.
  - Remembers the keys that it saw, so that a later run knows which TLSA record is an old one and which only unknown.
  - Keys are told as SHA-256 of SubjectPublicKeyInfo, the data of TLSA 3 1 1 (RFC 6698). No private key is read but by openssl.
options:
  hosts: {description: "name -> mapping with addresses", type: dict, required: true}
  next: {description: files on this host with the next keys (certificate, public or private key, PEM), type: list, elements: path, default: []}
  helo: {description: name for EHLO, type: str, default: localhost}
author: [The auditor project]
"""
EXAMPLES = "- served_keys: {hosts: {mx1.example.org: {addresses: [198.51.100.10]}}}"
RETURN = """
served: {description: "name -> address -> key, or empty where none was seen", returned: always, type: dict}
next: {description: keys that are to follow, returned: always, type: list}
former: {description: keys that were presented once, returned: always, type: list}
"""

MEMORY = Path("/var/lib/auditor/served-keys")
SECONDS = 20.0


def digest(pem: str) -> str:
    """SHA-256 of a public key in PEM, '' for anything else."""
    found = re.search(r"-----BEGIN PUBLIC KEY-----(.+?)-----END PUBLIC KEY-----", pem, re.DOTALL)
    try:
        return hashlib.sha256(base64.b64decode(found.group(1), validate=False)).hexdigest() if found else ""
    except binascii.Error:
        return ""


def presented(address: str, helo: str) -> str:
    """The key at one address. Certificates are not verified: DANE-EE does not ask who signed."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with smtplib.SMTP(address, 25, local_hostname=helo, timeout=SECONDS) as session:
            session.starttls(context=context)
            certificate = session.sock.getpeercert(binary_form=True) or b""
    except (OSError, smtplib.SMTPException, ValueError):
        return ""
    return digest(run(["openssl", "x509", "-noout", "-pubkey"], stdin=ssl.DER_cert_to_PEM_cert(certificate)).stdout)


def key_of(path: str) -> str:
    """Of a certificate, a public key or a private key, whichever the file holds."""
    for argv in (["x509", "-noout", "-pubkey", "-in"], ["pkey", "-pubin", "-pubout", "-in"], ["pkey", "-pubout", "-in"]):
        done = run(["openssl", *argv, path])
        if done.returncode == 0 and (found := digest(done.stdout)):
            return found
    return ""


def remembered() -> list[str]:
    text = MEMORY.read_text(encoding="ascii", errors="replace") if MEMORY.exists() else ""
    return re.findall(r"(?m)^[0-9a-f]{64}$", text)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "hosts": {"type": "dict", "required": True},
            "next": {"type": "list", "elements": "path", "default": []},
            "helo": {"type": "str", "default": "localhost"},
        },
        supports_check_mode=True,
    )
    following = {path: key_of(path) for path in module.params["next"]}
    if unread := [path for path, key in following.items() if not key]:
        module.fail_json(msg=f"{unread[0]} holds no certificate and no key that openssl can read; DNS was left as it is.")
    served: dict[str, dict[str, str]] = {}
    for name, host in module.params["hosts"].items():
        addresses = [str(ipaddress.ip_address(one)) for one in host["addresses"]]
        served[name] = {address: presented(address, module.params["helo"]) for address in addresses}
    known = remembered()
    seen = sorted({key for keys in served.values() for key in keys.values() if key})
    fresh = [key for key in seen if key not in known]
    result: dict[str, Any] = {"served": served, "next": sorted(set(following.values())), "former": [key for key in known if key not in seen]}
    if fresh and not module.check_mode:
        MEMORY.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with MEMORY.open("a", encoding="ascii") as handle:
            handle.write("".join(f"{key}\n" for key in fresh))
    diff = {"before": "", "after": "".join(f"key seen at port 25: {key}\n" for key in fresh)}
    module.exit_json(changed=bool(fresh), diff=diff, **result)


if __name__ == "__main__":
    main()
