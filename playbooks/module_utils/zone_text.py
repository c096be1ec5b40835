"""Records as people and programs that keep zones write them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]

FILLER = re.compile(r"^(?:[^.]+\._domainkey\.|(?:_[^.]+\.)+)")


def quoted(record: Record) -> str:
    """The record's data as zone files write it: TXT in strings of at most 255 octets."""
    value = str(record["value"])
    if record["type"] != "TXT":
        return value
    parts = [value[at : at + 250] for at in range(0, len(value), 250)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def zone_snippet(records: Iterable[Record]) -> str:
    """Lines of a zone file. A value that has to go stands there as a comment."""
    lines = (f"{one['name']}. {one['ttl']} IN {one['type']} {quoted(one)}\n" for one in records)
    return "".join(f"; take away: {line}" if one.get("gone") else line for one, line in zip(records, lines))


def octodns(records: Iterable[Record]) -> str:
    """What octoDNS' YamlProvider reads, a document for each zone with the name of its file; keys in the order that it enforces."""
    zones: dict[str, dict[str, dict[str, list[Record]]]] = {}
    for one in records:
        if not one.get("gone"):
            label = one["name"].removesuffix(zone_of(one)).rstrip(".")
            zones.setdefault(zone_of(one), {}).setdefault(label, {}).setdefault(one["type"], []).append(one)
    return "".join(f"# {zone}.yaml\n{_document(labels)}" for zone, labels in zones.items())


def zone_of(record: Record) -> str:
    """The zone that the record belongs to, as far as anybody said: else its name without the labels of a service or a selector."""
    return str(record.get("zone") or FILLER.sub("", record["name"]))


def _document(labels: dict[str, dict[str, list[Record]]]) -> str:
    text = ""
    for label, kinds in sorted(labels.items()):
        blocks = [_block(kind, found) for kind, found in sorted(kinds.items())]
        dash = "- " if len(blocks) > 1 else "  "
        text += f"{_scalar(label)}:\n" + "".join(dash + "\n  ".join(block) + "\n" for block in blocks)
    return text


def _block(kind: str, records: list[Record]) -> list[str]:
    values = [_value(one) for one in records]
    lines = [f"ttl: {records[0]['ttl']}", f"type: {kind}"]
    if len(values) > 1 or kind in ("MX", "TLSA"):
        return [*lines, "values:", *(("- " if row == 0 else "  ") + line for value in values for row, line in enumerate(value))]
    return [*lines, f"value: {values[0][0]}"]


def _value(record: Record) -> list[str]:
    """octoDNS wants the semicolons of a TXT escaped, and the fields of other types by name."""
    parts = str(record["value"]).split()
    match record["type"]:
        case "MX":
            return [f"exchange: {_scalar(parts[1])}", f"preference: {parts[0]}"]
        case "TLSA":
            names = ("certificate_association_data", "certificate_usage", "matching_type", "selector")
            return [f"{name}: {field}" for name, field in zip(names, (_scalar(parts[3]), parts[0], parts[2], parts[1]), strict=True)]
        case _:
            return [_scalar(str(record["value"]).replace(";", "\\;"))]


def _scalar(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
