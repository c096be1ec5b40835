"""resolv.conf(5)."""

from dataclasses import dataclass

from auditor.evidence.mta import read_network


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverSettings:
    """Name servers in the order they are asked."""

    nameservers: tuple[str, ...] = ()
    chroot_nameservers: tuple[str, ...] | None = None
    """What Postfix's own copy says; None where it has none."""


def parse_nameservers(text: str) -> tuple[str, ...]:
    """Addresses after `nameserver`; the resolver library uses the first three (MAXNS)."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if (
            len(words) >= 2
            and words[0] == "nameserver"
            and read_network(words[1].partition("%")[0]) is not None
        ):
            found.append(words[1])
    return tuple(found[:3])
