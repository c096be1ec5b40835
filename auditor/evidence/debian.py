"""Debian package versions: their order, and which installed ones the security archive has left behind."""

import re
from itertools import zip_longest

Key = tuple[int, tuple[tuple[tuple[int, ...], int], ...], tuple[tuple[tuple[int, ...], int], ...]]


def version_key(version: str) -> Key:
    """Sorts as `dpkg --compare-versions` does (deb-version(7)): "~" before the end, letters before other signs."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch[:9]) if epoch.isascii() and epoch.isdigit() else 0, _parts(upstream), _parts(revision)


def _parts(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    words = re.findall(r"(\D*)(\d*)", text)
    pairs = [(_weights(word), int(digits[:18] or 0)) for word, digits in words if word or digits]
    end = ((0,), 0)
    return (*(pairs or [end]), end)  # no revision is revision 0, and stands between 0~ and 0a


def _weights(word: str) -> tuple[int, ...]:
    return (*(-1 if c == "~" else ord(c) if c.isascii() and c.isalpha() else ord(c) + 256 for c in word), 0)


def parse_installed(text: str) -> dict[str, str]:
    """Lines "STATUS PACKAGE VERSION" of dpkg-query."""
    rows = (line.split(" ") for line in text.splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "installed"}


def parse_archive(text: str) -> dict[str, str]:
    """Lines "Package: …" and "Version: …" of a Packages file, the newest version of each."""
    lines = [line for line in text.splitlines() if line.startswith(("Package: ", "Version: "))]
    newest: dict[str, str] = {}
    for first, second in zip_longest(lines, lines[1:], fillvalue=""):
        if first.startswith("Package: ") and second.startswith("Version: "):
            name, version = first[9:].strip(), second[9:].strip()
            if name not in newest or version_key(newest[name]) < version_key(version):
                newest[name] = version
    return newest


def left_behind(installed: dict[str, str], archive: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """(package, version in the archive) of what is installed in an older one."""
    return tuple(
        (name, archive[name])
        for name, version in sorted(installed.items())
        if name in archive and version_key(version) < version_key(archive[name])
    )
