"""Where this machine takes its Debian packages from.

The laboratory builds its images from the mirrors that the admin of this machine chose, so no mirror is ever named here.
"""

import re
from collections.abc import Iterator
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_APT = Path("/etc/apt")


class NotDebianError(Exception):
    """No apt source names a Debian release; the text says what was looked for."""


def host_release() -> str:
    """The code name of the running Debian, for example ``bookworm``."""
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r"^VERSION_CODENAME=(\S+)$", text, re.MULTILINE)
    if "\nID=debian\n" not in f"\n{text}" or found is None:
        raise NotDebianError("/etc/os-release does not describe a Debian release")
    return found[1]


def apt_lines(release: str) -> list[str]:
    """One-line apt sources for `release`: this machine's own, with its code name replaced."""
    own = host_release()
    lines = [
        f"deb [signed-by={KEYRING}] {uri} {release}{suite.removeprefix(own)} main"
        for uri, suite in _entries()
        if re.fullmatch(rf"{own}(-updates|-security)?", suite)
    ]
    if not lines:
        raise NotDebianError(f"no apt source of this machine offers {own}")
    return sorted(set(lines))


def _entries() -> Iterator[tuple[str, str]]:
    for path in sorted(_APT.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
            for uri in fields.get("URIs", "").split():
                for suite in fields.get("Suites", "").split():
                    yield uri, suite
    for path in [_APT / "sources.list", *sorted(_APT.glob("sources.list.d/*.list"))]:
        if path.exists():
            text = path.read_text(encoding="utf-8")
            yield from re.findall(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", text, re.MULTILINE)
