"""Which doors of a mail host are looked at, out of its listening sockets. Pure."""

from __future__ import annotations

from typing import Any

DOORS = (25, 465, 587)
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def watched_doors(listeners: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One address for each port, IPv4 where there is one: a second look at the same program would see nothing new."""
    found: dict[int, str] = {}
    for one in sorted(listeners, key=lambda known: (":" in known["address"], known["loopback"])):
        if one["port"] in DOORS:
            found.setdefault(one["port"], EVERYWHERE.get(one["address"], one["address"]))
    return [{"port": port, "address": address} for port, address in sorted(found.items())]


class FilterModule:
    """Filters of the playbooks."""

    def filters(self) -> dict[str, Any]:
        return {"watched_doors": watched_doors}
