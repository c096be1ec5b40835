"""The system below the mail program: release, updates, firewall, SSH, guessing."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

SECURITY_ENDS = {
    ("debian", "9"): date(2022, 6, 30),
    ("debian", "10"): date(2024, 6, 30),
    ("debian", "11"): date(2026, 8, 31),
    ("debian", "12"): date(2028, 6, 30),
    ("debian", "13"): date(2030, 6, 30),
    ("ubuntu", "18.04"): date(2023, 5, 31),
    ("ubuntu", "20.04"): date(2025, 5, 31),
    ("ubuntu", "22.04"): date(2027, 4, 30),
    ("ubuntu", "24.04"): date(2029, 4, 30),
}
"""Last day of security updates that cost nothing, long-term support included (wiki.debian.org/LTS, wiki.ubuntu.com/Releases)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """os-release(5)."""

    id: str
    version: str
    name: str

    @property
    def security_ends(self) -> date | None:
        """Last day of security updates; None for a release that is not in the table."""
        return SECURITY_ENDS.get((self.id, self.version))


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """What the security archive has newer, by the lists that the host has; nothing is fetched."""

    waiting: tuple[tuple[str, str], ...] = ()
    """(package, newer version)."""
    archive_known: bool = False
    """The host has a list of a security archive at all."""
    lists_age: float | None = None
    """Seconds since the lists were fetched; None where there are none, and then nothing can be said."""
    reboot_required: bool = False
    """Debian's own flag (update-notifier, unattended-upgrades)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """What the packet filter does with what no rule names."""

    tool: str
    """"nftables", "iptables" or ""."""
    input_policies: tuple[tuple[str, str], ...] = ()
    """(family, "drop", "accept" …) of base chains at the input hook; a final drop or reject rule counts as drop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshDaemon:
    """`sshd -T`, the settings that are about who gets in."""

    settings: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """A setting, lower case as sshd prints it."""
        return dict(self.settings).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessingGuard:
    """A program that bans addresses after failed logins."""

    program: str = ""
    jails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitiveFile:
    """Key, password map or table that only its service should read."""

    path: str
    mode: int
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitiveFiles:
    """Those that were found at the usual places. Their content is never read."""

    files: tuple[SensitiveFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """The system's alias file, local parts in lower case."""

    entries: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def ends(self, name: str) -> frozenset[str]:
        """Where mail for a local part ends after every alias was followed."""
        table = dict(self.entries)
        seen: set[str] = set()
        todo, found = [name.lower()], set()
        while todo:
            word = todo.pop()
            if word in seen:
                continue
            seen.add(word)
            if word in table:
                todo += [
                    target if "@" in target or target.startswith(("/", "|", ":")) else target.lower()
                    for target in table[word]
                ]
            else:
                found.add(word)
        return frozenset(found)


def parse_os_release(text: str) -> Release:
    """os-release(5)."""
    found = {name: value.strip("\"' ") for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)}
    return Release(
        id=found.get("ID", ""), version=found.get("VERSION_ID", ""), name=found.get("PRETTY_NAME", "")[:80]
    )


def parse_nft(text: str) -> Iterator[tuple[str, str]]:
    """`nft -j list ruleset`: base chains at the input hook. Raises ValueError for what is no JSON of nft."""
    try:
        items = json.loads(text)["nftables"]
        rules = [item["rule"] for item in items if "rule" in item]
        for chain in (item["chain"] for item in items if "chain" in item):
            if chain.get("hook") != "input":
                continue
            own = [
                r
                for r in rules
                if (r["family"], r["table"], r["chain"]) == (chain["family"], chain["table"], chain["name"])
            ]
            last = own[-1]["expr"] if own else []
            ends = [
                next(iter(step)) for step in last if next(iter(step), "") not in {"counter", "log", "limit"}
            ]
            policy = "drop" if ends in (["drop"], ["reject"]) else str(chain.get("policy", "accept"))
            yield str(chain["family"]), policy
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError("not a ruleset of nft") from error


def parse_iptables(text: str, family: str) -> Iterator[tuple[str, str]]:
    """`iptables-save`, table filter."""
    policy = re.search(r"^:INPUT (\w+)", text, re.MULTILINE)
    if policy:
        last = re.findall(r"^-A INPUT (.*)$", text, re.MULTILINE)[-1:]
        closed = bool(last and re.fullmatch(r"-j (DROP|REJECT)( .*)?", last[0]))
        yield family, "drop" if closed else policy[1].lower()


def parse_aliases(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """aliases(5): "name: target, target", continued by lines that begin with a blank."""
    joined = re.sub(r"\n[ \t]+(?=\S)", " ", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE))
    found = []
    for line in joined.splitlines():
        name, colon, targets = line.partition(":")
        if colon and name.strip():
            words = (word.strip().strip('"') for word in targets.split(","))
            found.append((name.strip().strip('"').lower(), tuple(word for word in words if word)))
    return tuple(found)
