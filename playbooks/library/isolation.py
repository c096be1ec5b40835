#!/usr/bin/python
"""Own nftables tables around a host in trouble, with a dead man's timer that opens SSH and never mail."""

from __future__ import annotations

import ipaddress
import json
import os
import pwd
import re
import signal
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_transaction import FRAME_SPEC, last_line, run
from ansible.module_utils.packet_filter import address_set, arm, disarm, families, live_addresses, login, present, ssh_ports

DOCUMENTATION = """
module: isolation
short_description: Refuse outgoing SMTP (L2) or everything but admin SSH, DNS, time and logs (L3), reversibly
description:
  - Only the tables auditor_iso and auditor_egress are touched, each in one nft transaction; nothing is ever flushed.
  - A missed confirmation opens SSH for everybody and leaves mail closed. Rules survive a reboot once they are confirmed.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  incident: {description: name of the incident, type: str, required: true}
  level: {description: L1 L2 or L3, type: str, required: true}
  state: {description: present confirmed or absent, type: str, required: true}
  admin_networks: {description: networks whose SSH stays open, type: list, elements: str, default: []}
  dead_man_seconds: {description: seconds until SSH opens, type: int, default: 900}
  log_host: {description: host or host:port that L3 keeps reachable, type: str, default: ''}
  names: {description: whether L3 leaves DNS open, type: bool, default: true}
  mta: {description: the mail program, whose own connections are counted apart, type: str, default: ''}
author: [The auditor project]
"""
EXAMPLES = "- isolation: {frame: '{{ mail_host_frame }}', incident: INC-2026-0001, level: L3, state: present}"
RETURN = "sentence: {description: what holds now and what comes next, returned: always, type: str}"

HOME = Path("/etc/auditor/isolation")  # boots with the host, once confirmed
STATE = HOME / "state.json"
RULES = HOME / "rules.nft"
OPENING = Path("/run/auditor/open-ssh.nft")  # what the dead man does: SSH for everybody, mail for nobody
UNIT = Path("/etc/systemd/system/auditor-isolation.service")
SMTP_PORTS = "{ 25, 465, 587 }"
USERS = {"postfix": "postfix", "exim": "Debian-exim", "opensmtpd": "opensmtpq", "sendmail": "smmta"}
TABLES = ("auditor_iso", "auditor_egress")


# Outgoing SSH answers need no `ct state`: on a host that tracked nothing before, packets of a running session count as new.
def iso_table(incident: str, networks: list[str], ports: list[int], log: tuple[str, int] | None, *, names: bool = True) -> str:
    """L3 as nft text: what is not named here is dropped or refused. Without names a tunnel through DNS is shut as well."""
    v4, v6 = families(networks)
    listed = ", ".join(map(str, ports))
    shipping = ""
    if log:
        family = "ip6" if ":" in log[0] else "ip"
        shipping = f"    tcp dport {log[1]} {family} daddr {log[0]} accept\n"
    return (
        "add table inet auditor_iso\ndelete table inet auditor_iso\ntable inet auditor_iso {\n"
        + f'  comment "{incident} L3"\n'
        + address_set("admin4", "ipv4_addr", v4)
        + address_set("admin6", "ipv6_addr", v6)
        + "  chain iso_in {\n    type filter hook input priority filter - 10; policy drop;\n"
        + "    iif lo accept\n    ct state invalid drop\n"
        + f"    tcp dport {{ {listed} }} ip saddr @admin4 accept\n    tcp dport {{ {listed} }} ip6 saddr @admin6 accept\n"
        + "    meta l4proto { icmp, ipv6-icmp } limit rate 50/second accept\n"
        + "    ct direction reply ct state established,related accept\n"
        + '    limit rate 10/minute log prefix "auditor-iso-in " level info\n    counter comment "dropped-in"\n  }\n'
        + "  chain iso_fwd {\n    type filter hook forward priority filter - 10; policy drop;\n    counter\n  }\n"
        + "  chain iso_out {\n    type filter hook output priority filter - 10; policy drop;\n    oif lo accept\n"
        + f"    tcp sport {{ {listed} }} ip daddr @admin4 accept\n"
        + f"    tcp sport {{ {listed} }} ip6 daddr @admin6 accept\n"
        + "    meta l4proto { icmp, ipv6-icmp } accept\n"
        + ("    udp dport { 53, 123 } accept\n    tcp dport 53 accept\n" if names else "    udp dport 123 accept\n")
        + shipping
        + "    counter reject with icmpx admin-prohibited\n  }\n}\n"
    )


def egress_table(incident: str, uid: int) -> str:
    """L2 as nft text: SMTP that leaves the host is refused at once; what is not the mail program's is counted apart."""
    return (
        "add table inet auditor_egress\ndelete table inet auditor_egress\ntable inet auditor_egress {\n"
        f'  comment "{incident} L2"\n'
        "  chain egress_out {\n    type filter hook output priority filter - 10; policy accept;\n    oif lo accept\n"
        f'    tcp dport {SMTP_PORTS} meta skuid != {uid} counter log prefix "auditor-egress-other " level info comment "other-users"\n'
        f"    tcp dport {SMTP_PORTS} counter reject with icmpx admin-prohibited\n  }}\n"
        "  chain egress_forward {\n    type filter hook forward priority filter - 10; policy accept;\n"
        f"    tcp dport {SMTP_PORTS} counter reject with icmpx admin-prohibited\n  }}\n}}\n"
    )


def _uid(mta: str) -> int:
    for name in (USERS.get(mta, ""), "smtpd" if mta == "opensmtpd" else ""):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return 0


def _log_target(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":") if re.search(r":\d+$", text) and text.count(":") == 1 else (text, "", "6514")
    try:
        return str(ipaddress.ip_address(host)), int(port)
    except ValueError:
        return None


def _deadman(incident: str) -> str:
    return f"auditor-deadman-{re.sub(r'[^A-Za-z0-9_.-]', '-', incident)}"


def _arm(incident: str, seconds: int) -> str:
    OPENING.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    OPENING.write_text(
        "add element inet auditor_iso admin4 { 0.0.0.0/0 }\nadd element inet auditor_iso admin6 { ::/0 }\n", encoding="ascii"
    )
    return arm(_deadman(incident), seconds, ["/usr/sbin/nft", "-f", str(OPENING)])


def _load(text: str, path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    for arguments in (["-c", "-f"], ["-f"]):
        done = run(["nft", *arguments, str(path)])
        if done.returncode:
            return last_line(done.stderr)
    return ""


def _apply(module: AnsibleModule) -> None:
    params = module.params
    live = live_addresses()
    if params["level"] == "L3" and not live and not params["admin_networks"]:
        module.fail_json(msg="Not isolated: neither the address of this login nor mail_admin_networks is known, so nobody could come back.")
    text = egress_table(params["incident"], _uid(params["mta"]))
    if params["level"] == "L3":
        networks = sorted({*live, *params["admin_networks"]})
        text += iso_table(params["incident"], networks, ssh_ports(), _log_target(params["log_host"]), names=params["names"])
    held = json.loads(STATE.read_text()) if STATE.exists() else {}
    same = held.get("level") == params["level"] and held.get("incident") == params["incident"]
    # Without a running timer an unconfirmed isolation is one that the dead man has opened.
    timer = f"{_deadman(params['incident'])}.timer"
    guarded = held.get("confirmed") or run(["systemctl", "is-active", "--quiet", timer]).returncode == 0
    if same and guarded and held.get("rules") == text and all(present(table) for table in held["tables"]):
        module.exit_json(changed=False, sentence=_status(params["level"], confirmed=held["confirmed"]))
    if module.check_mode:
        module.exit_json(changed=True, diff={"before": held.get("rules", ""), "after": text}, sentence="")
    if trouble := _arm(params["incident"], params["dead_man_seconds"]):
        module.fail_json(msg=f"Not isolated, nothing was changed: the dead man's timer did not start: {trouble}")
    run(["systemctl", "mask", "--runtime", "nftables.service"])  # its start begins with `flush ruleset`
    if trouble := _load(text, Path("/run/auditor/isolation.nft")):
        disarm(_deadman(params["incident"]))
        run(["systemctl", "unmask", "--runtime", "nftables.service"])
        module.fail_json(msg=f"Not isolated, nothing was changed: nft refuses the rules: {trouble}")
    tables = list(TABLES) if params["level"] == "L3" else ["auditor_egress"]
    HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    record = {"incident": params["incident"], "level": params["level"], "rules": text, "tables": tables, "confirmed": False}
    record["login"] = login()
    STATE.write_text(json.dumps(record), encoding="utf-8")
    module.exit_json(changed=True, diff={"before": held.get("rules", ""), "after": text}, sentence=_status(params["level"], confirmed=False))


def _status(level: str, *, confirmed: bool) -> str:
    if confirmed:
        return f"{level} holds and survives a reboot. Undo it with isolate_state=absent."
    if level == "L2":
        return "L2 holds. A reboot would lift it until a new login confirms it (isolate_state=confirmed)."
    return f"{level} holds. Confirm it with a new login (isolate_state=confirmed), or SSH opens when the timer ends; mail stays closed. A reboot would lift it."


def _confirm(module: AnsibleModule) -> None:
    if not STATE.exists():
        module.fail_json(msg="Nothing to confirm: this host is not isolated.")
    held = json.loads(STATE.read_text())
    missing = [table for table in held["tables"] if not present(table)]
    if missing:
        module.fail_json(msg=f"Not confirmed: table {missing[0]} is gone, something removed it; run isolate_state=present again.")
    if held["confirmed"]:
        module.exit_json(changed=False, sentence=_status(held["level"], confirmed=True))
    if login() == held["login"]:
        module.fail_json(msg="Not confirmed: this is the login that isolated the host; confirm from a new one, which proves that the rules let it in.")
    if module.check_mode:
        module.exit_json(changed=True, sentence="")
    RULES.write_text(held["rules"], encoding="utf-8")
    UNIT.write_text(
        "[Unit]\nDescription=Isolation of this host (auditor)\nDefaultDependencies=no\nBefore=network-pre.target\nWants=network-pre.target\n"
        f"After=nftables.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft -f {RULES}\n"
        # A mask of this boot does not outlive it, and the next one is as easily emptied by a restart.
        "ExecStartPost=-/usr/bin/systemctl mask --runtime nftables.service\n"
        "[Install]\nWantedBy=sysinit.target\n",
        encoding="utf-8",
    )
    run(["systemctl", "daemon-reload"])
    enabled = run(["systemctl", "enable", UNIT.name])
    if enabled.returncode:
        module.fail_json(msg=f"Not confirmed: the rules could not be made to survive a reboot: {last_line(enabled.stderr)}")
    disarm(_deadman(held["incident"]))
    STATE.write_text(json.dumps(held | {"confirmed": True}), encoding="utf-8")
    module.exit_json(changed=True, sentence=_status(held["level"], confirmed=True))


def _undo(module: AnsibleModule) -> None:
    tables = [table for table in TABLES if present(table)]
    if not tables and not STATE.exists() and not UNIT.exists():
        module.exit_json(changed=False, sentence="This host is not isolated.")
    if module.check_mode:
        module.exit_json(changed=True, sentence="")
    incident = json.loads(STATE.read_text())["incident"] if STATE.exists() else module.params["incident"]
    for table in tables:
        run(["nft", "delete", "table", "inet", table])
    run(["systemctl", "disable", UNIT.name])
    for path in (UNIT, RULES, STATE):
        path.unlink(missing_ok=True)
    run(["systemctl", "daemon-reload"])
    disarm(_deadman(incident))
    run(["systemctl", "unmask", "--runtime", "nftables.service"])
    left = [table for table in TABLES if present(table)]
    if left:
        module.fail_json(msg=f"Table {left[0]} could not be removed.")
    module.exit_json(changed=True, sentence="The isolation is lifted; the host's own rules were never touched.")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            "incident": {"type": "str", "required": True},
            "level": {"type": "str", "required": True, "choices": ["L1", "L2", "L3"]},
            "state": {"type": "str", "required": True, "choices": ["present", "confirmed", "absent"]},
            "admin_networks": {"type": "list", "elements": "str", "default": []},
            "dead_man_seconds": {"type": "int", "default": 900},
            "log_host": {"type": "str", "default": ""},
            "names": {"type": "bool", "default": True},
            "mta": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", module.params["incident"]):
        module.fail_json(msg="The name of an incident has letters, digits, dots and dashes only; nothing was changed.")
    try:
        for network in module.params["admin_networks"]:
            ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        module.fail_json(msg=f"mail_admin_networks: {error}; nothing was changed.")
    if not os.path.exists("/usr/sbin/nft"):
        module.fail_json(msg="Not isolated: nftables is not installed; nothing was changed.")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    {"present": _apply, "confirmed": _confirm, "absent": _undo}[module.params["state"]](module)


if __name__ == "__main__":
    main()
