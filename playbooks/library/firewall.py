#!/usr/bin/python
"""An nftables table of our own that drops what nobody asked for, with a dead man's timer that takes it away again."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mail_listeners import listeners, unit_state
from ansible.module_utils.mail_transaction import FRAME_SPEC, last_line, run
from ansible.module_utils.packet_filter import address_set, arm, disarm, families, live_addresses, login, present, ssh_ports

DOCUMENTATION = """
module: firewall
short_description: Drop incoming packets that no rule allows, without locking anybody out
description:
  - Only the table auditor_firewall is touched, in one nft transaction; nothing is ever flushed. A host whose own rules drop already is left alone.
  - Until a new login has confirmed the rules, a timer brings back what was. Confirmed rules are there from before the network at each boot.
options:
  frame: {description: run, units and probe recipients of the host, type: dict, required: true}
  state: {description: present confirmed or reverted, type: str, required: true}
  tcp: {description: ports to open; empty opens mail and what listens when the table is made first, type: list, elements: int, default: []}
  udp: {description: the same of UDP, type: list, elements: int, default: []}
  admin_networks: {description: networks that reach SSH; empty lets everybody, type: list, elements: str, default: []}
  smtp_rate: {description: new connections to port 25 that one address may open in a minute; 0 counts none, type: int, default: 0}
  dead_man_seconds: {description: seconds until unconfirmed rules are taken away, type: int, default: 120}
author: [The auditor project]
"""
EXAMPLES = "- firewall: {frame: '{{ mail_host_frame }}', state: present}"
RETURN = "sentence: {description: what holds now, returned: always, type: str}"

TABLE, TIMER = "auditor_firewall", "auditor-deadman-firewall"
HOME = Path("/etc/auditor/firewall")
STATE, RULES = HOME / "state.json", HOME / "rules.nft"
TRIAL = Path("/run/auditor/firewall.json")  # what is applied and not yet confirmed
REVERT = Path("/run/auditor/firewall-revert.nft")
UNIT = Path("/etc/systemd/system/auditor-firewall.service")
BESIDE = Path("/etc/systemd/system/nftables.service.d/zz-auditor-firewall.conf")
MAIL = {25, 465, 587, 110, 143, 993, 995, 4190}
BOXES = {110, 143, 993, 995}
EPHEMERAL = 32768  # ip(7), ip_local_port_range: a bound port above is a client's
EMPTY = f"add table inet {TABLE}\ndelete table inet {TABLE}\n"


@dataclass(frozen=True)
class Doors:
    """What is let in."""

    tcp: list[int]
    udp: list[int]
    ssh: list[int]
    admins: list[str]
    smtp_rate: int


def _ports(ports: list[int]) -> str:
    return "{ " + ", ".join(map(str, ports)) + " }"


def table(doors: Doors) -> str:
    """The whole table as nft text, which replaces an older one in the same transaction."""
    v4, v6 = families(doors.admins)
    ssh = _ports(doors.ssh)
    lines = ["iif lo accept", "ct state established,related accept", "ct state invalid drop", "meta l4proto { icmp, ipv6-icmp } accept"]
    lines += ["udp dport { 68, 546 } accept"]  # leases of DHCP are answered by hosts that were not asked
    if doors.admins:
        lines += [f"tcp dport {ssh} ip saddr @admin4 accept", f"tcp dport {ssh} ip6 saddr @admin6 accept"]
    else:
        lines += [f"tcp dport {ssh} accept"]
    if doors.smtp_rate:
        for family, kind in (("ip", 4), ("ip6", 6)):
            lines += [f"tcp dport 25 ct state new update @smtp{kind} {{ {family} saddr limit rate over {doors.smtp_rate}/minute }} counter reject with tcp reset"]
    lines += [f"tcp dport {_ports(doors.tcp)} accept"] if doors.tcp else []
    lines += [f"udp dport {_ports(doors.udp)} accept"] if doors.udp else []
    lines += ["counter"]
    sets = address_set("admin4", "ipv4_addr", v4) + address_set("admin6", "ipv6_addr", v6)
    sets += "".join(f"  set smtp{n} {{ type ipv{n}_addr; size 65535; flags dynamic,timeout; timeout 2m; }}\n" for n in (4, 6))
    head = "  chain input {\n    type filter hook input priority filter; policy drop;\n"
    return f"{EMPTY}table inet {TABLE} {{\n{sets}{head}" + "".join(f"    {line}\n" for line in lines) + "  }\n}\n"


def closed_by_others(ruleset: str) -> bool:
    """Do the host's own chains drop what no rule allows, for IPv4 and for IPv6?"""
    try:
        items = json.loads(ruleset)["nftables"]
    except (ValueError, KeyError, TypeError):
        return False
    chains = [one["chain"] for one in items if "chain" in one]
    own = {one["family"] for one in chains if one.get("hook") == "input" and one.get("policy") == "drop" and not one["table"].startswith("auditor_")}
    return "inet" in own or {"ip", "ip6"} <= own


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _udp_servers() -> list[int]:
    rows = [row.split() for row in run(["ss", "-Hlnu"]).stdout.splitlines()]
    open_to_all = [row[3] for row in rows if len(row) > 3 and not re.match(r"(?:127\.|\[::1\]|.*%lo:)", row[3])]
    return sorted({int(port) for one in open_to_all if (port := one.rsplit(":", 1)[1]).isdigit() and int(port) < EPHEMERAL})


def _doors(params: dict[str, Any]) -> Doors:
    """Ports by their owner's word; else mail, and what listened when the table was made first, so that nothing breaks by it."""
    known, ssh = _read(STATE), ssh_ports()
    now = [one.port for one in listeners() if not one.loopback]
    before = set(known.get("tcp") or now)
    if not BOXES & before and unit_state("dovecot.service").get("UnitFileState") == "enabled":
        before |= BOXES  # it is down at this moment: nobody shall be shut out of it when it is back
    tcp = set(params["tcp"]) or (MAIL & {25, 465, 587, *now}) | before
    udp = params["udp"] or known.get("udp") or _udp_servers()
    admins = [str(ipaddress.ip_network(one, strict=False)) for one in params["admin_networks"]]
    if admins:  # whoever works on the host while the door gets narrower stays in, and is remembered
        logged_in = known.get("logged_in") or live_addresses()
        admins += [one for one in logged_in if not any(_within(one, net) for net in admins)]
    return Doors(sorted(tcp - set(ssh)), sorted(set(udp) - {68, 546}), ssh, sorted(set(admins)), params["smtp_rate"])


def _within(address: str, network: str) -> bool:
    one, net = ipaddress.ip_network(address), ipaddress.ip_network(network)
    return one.version == net.version and one.subnet_of(net)


def _present(module: AnsibleModule) -> None:
    if closed_by_others(run(["nft", "-j", "list", "ruleset"]).stdout):
        module.exit_json(changed=False, trial=False, sentence="This host's own rules drop what no rule allows; they were left alone.")
    doors = _doors(module.params)
    text, held = table(doors), _read(STATE)
    now = RULES.read_text(encoding="utf-8") if held and RULES.exists() else ""
    if text == now and present(TABLE) and UNIT.exists():
        module.exit_json(changed=False, trial=False, sentence="The packet filter holds.")
    diff = {"before": now, "after": text, "before_header": TABLE, "after_header": TABLE}
    if module.check_mode:
        module.exit_json(changed=True, trial=False, diff=diff, sentence="")
    TRIAL.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    candidate = TRIAL.with_suffix(".nft")
    candidate.write_text(text, encoding="utf-8")
    REVERT.write_text(now if present(TABLE) and now else EMPTY, encoding="utf-8")
    tried = run(["nft", "-c", "-f", str(candidate)])
    if tried.returncode:
        module.fail_json(msg=f"No packet filter, nothing was changed: nft refuses the rules: {last_line(tried.stderr)}")
    if trouble := arm(TIMER, module.params["dead_man_seconds"], ["/usr/sbin/nft", "-f", str(REVERT)]):
        module.fail_json(msg=f"No packet filter, nothing was changed: the dead man's timer did not start: {trouble}")
    loaded = run(["nft", "-f", str(candidate)])
    if loaded.returncode:
        disarm(TIMER)
        module.fail_json(msg=f"No packet filter, nothing was changed: nft refuses the rules: {last_line(loaded.stderr)}")
    trial = {"tcp": doors.tcp, "udp": doors.udp, "login": login(), "logged_in": live_addresses()}
    TRIAL.write_text(json.dumps(trial), encoding="utf-8")
    module.exit_json(changed=True, trial=True, diff=diff, sentence="The rules hold until the timer ends, or for good when a new login confirms them.")


def _write_down(trial: dict[str, Any]) -> None:
    """What brings the rules back at a boot, and after nftables.conf, which begins with `flush ruleset`."""
    HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    load = shlex.join(["/usr/sbin/nft", "-f", str(RULES)])
    UNIT.write_text(
        "[Unit]\nDescription=Packet filter of this mail host (auditor)\nDefaultDependencies=no\nBefore=network-pre.target\n"
        f"Wants=network-pre.target\nAfter=nftables.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={load}\n"
        "[Install]\nWantedBy=sysinit.target\n",
        encoding="utf-8",
    )
    BESIDE.parent.mkdir(parents=True, exist_ok=True)
    BESIDE.write_text(f"# nftables.conf begins with `flush ruleset`.\n[Service]\nExecStartPost={load}\nExecReload={load}\n", encoding="utf-8")
    RULES.write_text(TRIAL.with_suffix(".nft").read_text(encoding="utf-8"), encoding="utf-8")
    STATE.write_text(json.dumps({key: trial[key] for key in ("tcp", "udp", "logged_in")}), encoding="utf-8")


def _confirmed(module: AnsibleModule) -> None:
    trial = _read(TRIAL)
    if not trial:
        module.exit_json(changed=False, sentence="There is nothing to confirm.")
    if not present(TABLE):
        module.fail_json(msg="The rules are gone: the timer ended before a new login confirmed them; everything is as it was.")
    if trial["login"] and login() == trial["login"]:
        module.fail_json(msg="Not confirmed: this is the login that made the rules; only a new one proves that they let it in.")
    try:
        _write_down(trial)
    except OSError as error:
        module.fail_json(msg=f"Not confirmed: the rules could not be kept ({error}).")
    run(["systemctl", "daemon-reload"])
    for argv in (["systemctl", "enable", UNIT.name], ["systemctl", "restart", UNIT.name]):
        done = run(argv)
        if done.returncode:
            module.fail_json(msg=f"Not confirmed, the timer brings back what was: the rules would not survive a reboot: {last_line(done.stderr)}")
    disarm(TIMER)
    TRIAL.unlink()
    module.exit_json(changed=True, sentence="The packet filter holds and survives a reboot.")


def _reverted(module: AnsibleModule) -> None:
    if not _read(TRIAL):
        module.exit_json(changed=False, sentence="There is nothing to take back.")
    done = run(["nft", "-f", str(REVERT)])
    if done.returncode:
        module.fail_json(msg=f"The rules could not be taken back: {last_line(done.stderr)}; the timer tries again.")
    disarm(TIMER)
    TRIAL.unlink()
    module.exit_json(changed=True, sentence="Everything is as it was.")


def main() -> None:
    numbers = {"type": "list", "elements": "int", "default": []}
    module = AnsibleModule(
        argument_spec={
            **FRAME_SPEC,
            "state": {"type": "str", "required": True, "choices": ["present", "confirmed", "reverted"]},
            "tcp": numbers,
            "udp": numbers,
            "admin_networks": {"type": "list", "elements": "str", "default": []},
            "smtp_rate": {"type": "int", "default": 0},
            "dead_man_seconds": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    try:
        for network in module.params["admin_networks"]:
            ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        module.fail_json(msg=f"mail_admin_networks: {error}; nothing was changed.")
    if not os.path.exists("/usr/sbin/nft"):
        if module.check_mode:
            module.exit_json(changed=True, trial=False, sentence="")
        module.fail_json(msg="No packet filter: nftables is not installed; nothing was changed.")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    {"present": _present, "confirmed": _confirmed, "reverted": _reverted}[module.params["state"]](module)


if __name__ == "__main__":
    main()
