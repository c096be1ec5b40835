"""What every packet filter of these playbooks must know: who administers this host, and from where."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path

from ansible.module_utils.mail_transaction import last_line, run

MOST_ANCESTORS = 64


def login(pid: int = 0) -> str:
    """SSH_CONNECTION of the login that this process descends from, '' for none.

    sudo keeps it out of our environment (sudoers(5), env_reset), not out of that of the shell that called it.
    """
    pid = pid or os.getpid()
    for _ in range(MOST_ANCESTORS):
        try:
            told = Path(f"/proc/{pid}/environ").read_bytes()
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        if found := re.search(rb"(?:^|\0)SSH_CONNECTION=([^\0]+)", told):
            return found[1].decode("ascii", "replace")
        parent = re.search(r"(?m)^PPid:\s+(\d+)$", status)
        pid = int(parent[1]) if parent else 0
        if pid <= 1:
            return ""
    return ""


def ssh_ports() -> list[int]:
    """Where sshd listens by its own word."""
    ports = re.findall(r"(?m)^port (\d+)$", run(["sshd", "-T"]).stdout)
    return sorted({int(port) for port in ports}) or [22]


def live_addresses() -> list[str]:
    """Where the logins of this moment come from: the play's own, and every other SSH session."""
    found = [login().split(" ")[0]]
    for port in ssh_ports():
        out = run(["ss", "-Htn", "state", "established", f"( sport = :{port} )"]).stdout
        found += [re.sub(r"%\w+", "", row.split()[-1].rsplit(":", 1)[0].strip("[]")) for row in out.splitlines() if row.split()]
    return [str(getattr(ipaddress.ip_address(one), "ipv4_mapped", None) or one) for one in dict.fromkeys(found) if one]


def families(networks: list[str]) -> tuple[list[str], list[str]]:
    """Networks of IPv4 and of IPv6."""
    nets = [ipaddress.ip_network(one, strict=False) for one in networks]
    return [str(n) for n in nets if n.version == 4], [str(n) for n in nets if n.version == 6]


def address_set(name: str, kind: str, elements: list[str]) -> str:
    """A set of networks as nft text; auto-merge, because the networks of two people may overlap."""
    listed = f" elements = {{ {', '.join(elements)} }}" if elements else ""
    return f"  set {name} {{ type {kind}; flags interval; auto-merge;{listed} }}\n"


def present(table: str) -> bool:
    return run(["nft", "list", "table", "inet", table]).returncode == 0


def arm(unit: str, seconds: int, argv: list[str]) -> str:
    """Start the timer of a dead man; '' or why it did not start. Nothing may be applied without it."""
    disarm(unit)
    done = run(
        ["systemd-run", "--collect", f"--unit={unit}", f"--on-active={max(1, seconds)}s", "--timer-property=AccuracySec=1s", *argv]
    )
    return last_line(done.stderr) if done.returncode else ""


def disarm(unit: str) -> None:
    run(["systemctl", "stop", f"{unit}.timer"])
