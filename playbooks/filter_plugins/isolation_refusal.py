"""What hangs on a host that is to be isolated, and who has to agree. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SSH_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args")
JUMP = re.compile(r"(?:-J\s*|ProxyJump[=\s]+|ProxyCommand[=\s]+)(.*)", re.IGNORECASE)


def hosts_behind(hosts: Mapping[str, Mapping[str, Any]], own: list[str]) -> list[str]:
    """The hosts of the inventory that are reached through this one, by what the inventory says of their SSH."""
    names = {name.lower() for name in own if name}
    found = []
    for host in hosts:
        if host.lower() in names:
            continue
        said = " ".join(str(hosts[host].get(argument) or "") for argument in SSH_ARGUMENTS)
        words = re.split(r"[\s'\",@]+", " ".join(JUMP.findall(said)).lower())
        if names & {form for word in words for form in (word, re.sub(r":\d+$", "", word).strip("[]"))}:
            found.append(host)
    return sorted(found)


def isolation_refusal(found: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """'' when nothing speaks against it, else one sentence that begins with `Refused:` and names what overrules it."""
    local = "is the machine that this runs on, which would reach no other host any more"
    reasons = {"isolate_local_ok": [local] if found["local"] and not about["local_ok"] else []}
    if about["level"] == "L3" and not about["owner_agrees"]:
        reasons["isolate_owner_agrees"] = list(_for_the_owner(found, about))
    told = [why for whys in reasons.values() for why in whys]
    if not told:
        return ""
    flags = " and ".join(f"{flag}=true" for flag, whys in reasons.items() if whys)
    return f"Refused: {about['host']} {', and '.join(told)}; nothing was changed, and {flags} isolates it nevertheless."


def _for_the_owner(found: Mapping[str, Any], about: Mapping[str, Any]) -> list[str]:
    """Mail that nobody else takes, names that nobody else answers, a way in that nobody else has."""
    told = []
    if about["takes_mail"] and not about["domains"]:
        told.append("takes mail, and mail_domains does not say for which domains")
    if alone := found.get("alone") or {}:
        listed = ", ".join(f"{domain} ({why})" for domain, why in sorted(alone.items())[:3])
        more = f" and {len(alone) - 3} more" if len(alone) > 3 else ""
        told.append(f"is the last one known to take mail for {listed}{more}")
    if found["resolver"]:
        told.append(f"answers name questions of others at {', '.join(found['resolver'])}")
    if behind := hosts_behind(about["hosts"], about["own"]):
        told.append(f"is the way in to {', '.join(behind)}")
    return told


class FilterModule:
    """Filters of the playbooks."""

    def filters(self) -> dict[str, Any]:
        return {"isolation_refusal": isolation_refusal}
