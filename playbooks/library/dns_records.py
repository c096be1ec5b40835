#!/usr/bin/python
"""Records applied to a zone by RFC 2136 with TSIG, or printed for whoever keeps the zone. Runs on the controller."""

from __future__ import annotations

import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.name_servers import PROBLEMS, Primary, answered, looked_up
from ansible.module_utils.policy_steps import crowded, settled
from ansible.module_utils.zone_text import octodns, zone_snippet

try:
    import dns
except ImportError:
    dns = None

DOCUMENTATION = """
module: dns_records
short_description: Publish DNS records, or print them
description:
  - Values at the same name that the record does not own (other TXT values, other keys beside it) survive.
  - With a server, the update is signed, and the module waits until every authoritative server answers it.
  - Without one, nothing is changed, and what is not published yet is returned as a zone snippet and as octoDNS YAML.
  - What has to go is taken away only when every authoritative server answers what comes in its place.
options:
  records:
    description:
      - records with name, type, ttl, value and owns (the beginning of TXT values that it replaces)
      - keep and yields are patterns of values that stay, or before which nothing is done and taken is said
      - climb is a step of the DMARC ladder; beside adds to what is there, gone takes a value away; longest bounds a TTL
      - elsewhere allows that the server does not keep the zone; such a record is printed
    type: list
    elements: dict
    required: true
  server: {description: address port key_name algorithm and secret of the primary, type: dict, default: {}}
  wait: {description: seconds to wait for every authoritative server, type: int, default: 60}
author: [The auditor project]
"""
EXAMPLES = "- dns_records: {records: [{name: _dmarc.example.org, type: TXT, ttl: 3600, value: v=DMARC1; p=none, owns: v=DMARC1}]}"
RETURN = """
zone: {description: the records as a zone snippet, returned: always, type: str}
visible: {description: whether every name server answers every record, returned: always, type: bool}
octodns: {description: the records as octoDNS YAML, returned: always, type: str}
remarks: {description: what is wrong in records that a person has to publish, returned: when there are any, type: list}
"""

TAKEN = "it holds another value, which another host may need. Choose a name of its own for this host."


def _taken(record: dict[str, Any], present: list[str]) -> bool:
    """Does somebody else's value stand where the record would, and may it not be replaced?"""
    return "yields" in record and any(not re.search(record["yields"], value) for value in present)


def _differs(record: dict[str, Any], present: list[str], ttl: int) -> bool:
    if record.get("gone"):
        return record["value"] in present
    if record.get("beside"):
        return record["value"] not in present or ttl > int(record.get("longest", ttl))
    owned = [value for value in present if record["type"] != "TXT" or value.startswith(record["owns"])]
    return owned != [record["value"]]


def _seen(record: dict[str, Any]) -> tuple[list[str], str]:
    """What the world is answered now, or why nobody knows: then the record is printed as it was computed, and that is said."""
    try:
        return list(looked_up(record["name"], record["type"]).values), ""
    except PROBLEMS as error:
        return [], f"{record['name']}: what is published could not be looked up ({error}): put this record there only if there is none, or a weaker one."


def _in_words(records: list[dict[str, Any]], *unseen: str) -> dict[str, Any]:
    """For a person who keeps the zone, with what is wrong in what comes of it."""
    remarks = [*filter(None, unseen), *(why for one in records if (why := crowded(one)))]
    return {"zone": zone_snippet(records), "octodns": octodns(records), "remarks": remarks}


def _print(module: AnsibleModule, records: list[dict[str, Any]]) -> None:
    """Nothing is changed: what is published is taken into account, and only what differs from it is told."""
    present, unseen = zip(*map(_seen, records)) if records else ((), ())
    records = [settled(one, values) for one, values in zip(records, present)]
    if taken := [one for one, values in zip(records, present) if _taken(one, values)]:
        module.fail_json(msg=f"{taken[0]['name']}: {taken[0].get('taken', TAKEN)}")
    told = [one for one, values in zip(records, present) if _differs(one, values, 0)]
    visible = not told and answered(records)
    module.exit_json(changed=False, published=False, visible=visible, **_in_words(told, *unseen))


def _publish(module: AnsibleModule, records: list[dict[str, Any]], result: dict[str, Any]) -> None:
    primary = Primary(module.params["server"])
    by_hand = [one for one in records if one.get("elsewhere") and not primary.holds(one["name"])]
    records = [one for one in records if one not in by_hand]  # a host's own name may lie in a zone that this server does not keep
    present = [primary.values(one["name"], one["type"]) for one in records]
    settling = [(settled(one, values), values) for one, values in zip(records, present)]
    too_long = [one for one, _ in settling if crowded(one)]
    by_hand += too_long
    records, present = ([pair[at] for pair in settling if not crowded(pair[0])] for at in (0, 1))
    if by_hand:
        result |= {"published": False, **_in_words(by_hand)}
    for one, values in zip(records, present):
        if _taken(one, values):
            module.fail_json(msg=f"DNS was left as it is: {one['name']}: {one.get('taken', TAKEN)}")
    ttls = [primary.ttl(one["name"], one["type"]) if "longest" in one else 0 for one in records]
    wanted = {at: one for at, one in enumerate(records) if _differs(one, present[at], ttls[at])}
    before = "".join(zone_snippet([records[at] | {"value": value, "gone": False} for value in present[at]]) for at in wanted)
    result["diff"] = {"before": before, "after": zone_snippet(list(wanted.values()))}
    if not wanted or module.check_mode:
        module.exit_json(changed=bool(wanted), visible=not wanted and not too_long and not primary.await_everywhere(records, module.params["wait"]), **result)
    for phase in (False, True):
        part = [one for one in wanted.values() if bool(one.get("gone")) is phase]
        for record in part:
            primary.replace(primary.zone(record["name"]), record)
        try:
            late = primary.await_everywhere(part, module.params["wait"])
        except PROBLEMS as error:
            late = str(error)
        if late:
            module.fail_json(msg=f"The primary server has the records, but after {module.params['wait']} seconds: {late}", changed=True)
    module.exit_json(changed=True, visible=not too_long, **result)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "records": {"type": "list", "elements": "dict", "required": True},
            "server": {"type": "dict", "default": {}, "no_log": True},
            "wait": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    if dns is None:
        module.fail_json(msg=missing_required_lib("dnspython"))
    records = [{"ttl": 3600, "owns": "", **one} for one in module.params["records"]]
    result: dict[str, Any] = {"zone": zone_snippet(records), "octodns": octodns(records)}
    if not module.params["server"].get("address") or not module.params["server"].get("secret"):
        _print(module, records)
    try:
        _publish(module, records, result | {"published": True})
    except (*PROBLEMS, ValueError, KeyError) as error:
        module.fail_json(msg=f"DNS was left as it is: {error}")


if __name__ == "__main__":
    main()
