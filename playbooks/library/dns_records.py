#!/usr/bin/python
"""Records applied to a zone by RFC 2136 with TSIG, or printed for whoever keeps the zone. Runs on the controller."""

from __future__ import annotations

import errno
import re
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import dns.exception
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.resolver
    import dns.tsigkeyring
    import dns.update
except ImportError:
    dns = None

DOCUMENTATION = """
module: dns_records
short_description: Publish DNS records, or print them
description:
  - Values at the same name that the record does not own (other TXT values) survive.
  - With a server, the update is signed, and the module waits until every authoritative server answers it.
  - Without one, nothing is changed and the records are returned as a zone snippet and as octoDNS YAML.
options:
  records: {description: records with name type ttl value and owns, type: list, elements: dict, required: true}
  server: {description: address port key_name algorithm and secret of the primary, type: dict, default: {}}
  wait: {description: seconds to wait for every authoritative server, type: int, default: 60}
author: [The auditor project]
"""
EXAMPLES = "- dns_records: {records: [{name: _dmarc.example.org, type: TXT, ttl: 3600, value: v=DMARC1; p=none, owns: v=DMARC1}]}"
RETURN = """
zone: {description: the records as a zone snippet, returned: always, type: str}
visible: {description: whether every name server answers every record, returned: always, type: bool}
octodns: {description: the records as octoDNS YAML, returned: always, type: str}
"""

SECONDS = 5.0


def quoted(record: dict[str, Any]) -> str:
    """The record's data as zone files write it: TXT in strings of at most 255 octets."""
    value = str(record["value"])
    if record["type"] != "TXT":
        return value
    parts = [value[at : at + 250] for at in range(0, len(value), 250)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def zone_snippet(records: list[dict[str, Any]]) -> str:
    return "".join(f"{one['name']}. {one['ttl']} IN {one['type']} {quoted(one)}\n" for one in records)


def octodns(records: list[dict[str, Any]], zone: str) -> str:
    """One block per name, as octoDNS' YamlProvider reads it; its TXT values escape semicolons."""
    lines = []
    for one in records:
        name = one["name"].removesuffix(zone).rstrip(".")
        value = str(one["value"]).replace(";", "\\;")
        lines.append(f"{name or chr(39) * 2}:\n  type: {one['type']}\n  ttl: {one['ttl']}\n  value: '{value}'\n")
    return "".join(lines)


class Primary:
    """The zone's primary server, asked directly."""

    def __init__(self, server: dict[str, Any]) -> None:
        self.address, self.port = str(server["address"]), int(server.get("port", 53))
        self.keys = None
        if server.get("secret"):
            algorithm = dns.name.from_text(str(server.get("algorithm", "hmac-sha256")))
            self.keys = dns.tsigkeyring.from_text({str(server["key_name"]): (algorithm, str(server["secret"]))})

    def data(self, name: str, kind: str, address: str = "") -> list[Any]:
        """What an authoritative server answers, as it is written there; [] for a proven absence."""
        query = dns.message.make_query(name, kind, use_edns=True)
        port = 53 if address else self.port
        answer, _ = dns.query.udp_with_fallback(query, address or self.address, timeout=SECONDS, port=port)
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise dns.exception.DNSException(f"{dns.rcode.to_text(answer.rcode())} for {name}")
        wanted = dns.rdatatype.from_text(kind)
        return [rdata for rrset in answer.answer if rrset.rdtype == wanted for rdata in rrset]

    def values(self, name: str, kind: str, address: str = "") -> list[str]:
        """The same as text, the strings of a TXT joined."""
        return [said(rdata) for rdata in self.data(name, kind, address)]

    def zone(self, name: str) -> str:
        """The zone that holds a name: the nearest parent with a SOA."""
        labels = name.split(".")
        for at in range(len(labels) - 1):
            if self.values(candidate := ".".join(labels[at:]), "SOA"):
                return candidate
        raise dns.exception.DNSException(f"{self.address} holds no zone of {name}")

    def servers(self, zone: str) -> list[str]:
        """Addresses of the zone's name servers, from this primary or, where it does not know them, from the resolver."""
        found: set[str] = set()
        for name in self.values(zone, "NS"):
            for kind in ("A", "AAAA"):
                try:
                    found |= set(self.values(name, kind))
                except dns.exception.DNSException:
                    found |= _resolved(name, kind)
        return sorted(found)

    def replace(self, zone: str, record: dict[str, Any]) -> None:
        """One update: what the record replaces goes, by its very data (others split a long TXT elsewhere), and it comes."""
        update = dns.update.UpdateMessage(zone, keyring=self.keys)
        name = dns.name.from_text(record["name"])
        for rdata in self.data(record["name"], record["type"]):
            if said(rdata) != record["value"] and (record["type"] != "TXT" or said(rdata).startswith(record["owns"])):
                update.delete(name, rdata)
        update.add(name, record["ttl"], record["type"], quoted(record))
        answer = dns.query.tcp(update, self.address, timeout=SECONDS, port=self.port)
        if answer.rcode() != dns.rcode.NOERROR:
            raise dns.exception.DNSException(f"the server refuses the update of {record['name']}: {dns.rcode.to_text(answer.rcode())}")

    def await_everywhere(self, records: list[dict[str, Any]], seconds: float) -> str | None:
        """Wait until every name server answers every record; the first that does not in time, in words."""
        deadline = time.monotonic() + seconds
        for record in records:
            for address in self.servers(self.zone(record["name"])) or [self.address]:
                while (why := self._lags(address, record)) and time.monotonic() < deadline:
                    time.sleep(1)
                if why:
                    return why
        return None

    def _lags(self, address: str, record: dict[str, Any]) -> str | None:
        try:
            told = self.values(record["name"], record["type"], "" if address == self.address else address)
        except OSError as error:
            # A controller without IPv6 cannot ask an IPv6 address, and need not: it is the same server's other address.
            return None if error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL) else f"{address}: {error}"
        except dns.exception.DNSException as error:
            return f"{address}: {error}"
        return None if record["value"] in told else f"{address} does not answer {record['name']} yet"


def _resolved(name: str, kind: str) -> set[str]:
    try:
        return {rdata.to_text() for rdata in dns.resolver.resolve(name, kind, lifetime=SECONDS)}
    except dns.exception.DNSException:
        return set()


def answered(records: list[dict[str, Any]]) -> bool:
    """Does every name server of the zones answer every record already? False also where that cannot be seen."""
    try:
        for record in records:
            zone = dns.resolver.zone_for_name(record["name"], lifetime=SECONDS).to_text(omit_final_dot=True)
            servers = [rdata.to_text() for rdata in dns.resolver.resolve(zone, "NS", lifetime=SECONDS)]
            first = min((address for name in servers for address in _resolved(name, "A")), default="")
            if not first or Primary({"address": first}).await_everywhere([record], 0):
                return False
    except (dns.exception.DNSException, OSError):
        return False
    return bool(records)


def _taken(record: dict[str, Any], present: list[str]) -> bool:
    """Does somebody else's value stand where the record would, and may it not be replaced?"""
    return "yields" in record and any(not re.search(record["yields"], value) for value in present)


def said(rdata: Any) -> str:
    if rdata.rdtype != dns.rdatatype.TXT:
        return str(rdata.to_text())
    return b"".join(rdata.strings).decode("utf-8", "backslashreplace")


def merged_spf(present: list[str], wanted: str) -> str:
    """Every mechanism that is published already, in its order, then what is missing, and one ending."""
    terms: list[str] = []
    for value in [*present, wanted]:
        terms += [term for term in value.split()[1:] if term.lstrip("+-~?") != "all" and term not in terms]
    return " ".join(["v=spf1", *terms, "-all"])


def _settled(record: dict[str, Any], present: list[str]) -> dict[str, Any]:
    """The record in the light of what is published: SPF grows, a good record that `keep` describes stays."""
    owned = [value for value in present if record["owns"] and value.startswith(record["owns"])]
    if record["owns"] == "v=spf1" and record["value"] != "v=spf1 -all":
        return record | {"value": merged_spf(owned, record["value"])}
    if len(owned) == 1 and record.get("keep") and re.search(record["keep"], owned[0]):
        return record | {"value": owned[0]}
    return record


def _differs(record: dict[str, Any], present: list[str]) -> bool:
    owned = [value for value in present if record["type"] != "TXT" or value.startswith(record["owns"])]
    return owned != [record["value"]]


def _publish(module: AnsibleModule, records: list[dict[str, Any]], result: dict[str, Any]) -> None:
    primary = Primary(module.params["server"])
    present = {index: primary.values(one["name"], one["type"]) for index, one in enumerate(records)}
    records = [_settled(one, present[index]) for index, one in enumerate(records)]
    for index, one in enumerate(records):
        if _taken(one, present[index]):
            module.fail_json(msg=f"{one['name']} holds another value, which another host may need; DNS was left as it is. Choose a name of its own for this host.")
    wanted = {index: one for index, one in enumerate(records) if _differs(one, present[index])}
    before = "".join(zone_snippet([records[index] | {"value": value} for value in present[index]]) for index in wanted)
    result["diff"] = {"before": before, "after": zone_snippet(list(wanted.values()))}
    if not wanted or module.check_mode:
        module.exit_json(changed=bool(wanted), visible=not wanted and not primary.await_everywhere(records, module.params["wait"]), **result)
    for record in wanted.values():
        primary.replace(primary.zone(record["name"]), record)
    try:
        late = primary.await_everywhere(list(wanted.values()), module.params["wait"])
    except (dns.exception.DNSException, OSError) as error:
        late = str(error)
    if late:
        module.fail_json(msg=f"The primary server has the records, but after {module.params['wait']} seconds: {late}", changed=True)
    module.exit_json(changed=True, visible=True, **result)


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
    shortest = min((one["name"] for one in records), key=len, default="")
    zone = ".".join(label for label in shortest.split(".") if not label.startswith("_"))
    result: dict[str, Any] = {"zone": zone_snippet(records), "octodns": octodns(records, zone)}
    if not module.params["server"].get("address") or not module.params["server"].get("secret"):
        module.exit_json(changed=False, published=False, visible=answered(records), **result)
    try:
        _publish(module, records, result | {"published": True})
    except (dns.exception.DNSException, OSError, ValueError, KeyError) as error:
        module.fail_json(msg=f"DNS was left as it is: {error}")


if __name__ == "__main__":
    main()
