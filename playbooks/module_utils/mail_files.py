"""Files that a change brings along."""

from __future__ import annotations

import re
from typing import Any

from ansible.module_utils.mail_transaction import Transaction

FILES_SPEC: dict[str, Any] = {
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str"},
            "lines": {"type": "dict", "default": {}},
            "once": {"type": "dict", "default": {}},
            "raise": {"type": "dict", "default": {}},
            "absent": {"type": "bool", "default": False},
            "mode": {"type": "str"},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "secret": {"type": "bool", "default": False, "no_log": False},
        },
    },
}


def with_lines(text: str, lines: dict[str, str]) -> str:
    """Each pattern's first line replaced, or the line appended; an empty line removes every match.

    Whatever else the file says, its comments and its order, stays byte for byte.
    """
    for pattern, line in lines.items():
        found = re.compile(rf"(?m)^{pattern}.*(?:\n|\Z)")
        if not line:
            text = found.sub("", text)
        elif match := found.search(text):
            if match.group().rstrip("\n") != line:
                text = text[: match.start()] + line + "\n" + text[match.end() :]
        else:
            text = text + ("" if text.endswith("\n") or not text else "\n") + line + "\n"
    return text


def with_missing(text: str, lines: dict[str, str]) -> str:
    """Lines appended only where nothing matches their pattern: what the admin wrote wins."""
    return with_lines(text, {pattern: line for pattern, line in lines.items() if not re.search(rf"(?m)^{pattern}", text)})


def with_raised(text: str, least: dict[str, int]) -> str:
    """'keyword number' lines whose number is too small, raised; larger ones are the admin's choice and stay."""

    def lift(match: re.Match[str]) -> str:
        return match.group("lead") + str(max(int(match.group("number")), int(least[match.group("word")])))

    words = "|".join(re.escape(word) for word in least)
    return re.sub(rf"(?m)^(?P<lead>[ \t]*(?P<word>{words})[ \t]+)(?P<number>\d+)\b", lift, text) if least else text


def put_files(change: Transaction, files: list[dict[str, Any]]) -> None:
    for one in files:
        attributes = {key: one[key] for key in ("owner", "group") if one.get(key)}
        if one.get("mode"):
            attributes["mode"] = int(one["mode"], 8)
        if one.get("absent"):
            change.put(one["path"], None)
            continue
        text = one["content"] if one.get("content") is not None else change.content(one["path"])
        text = with_missing(with_lines(text, one.get("lines") or {}), one.get("once") or {})
        text = with_raised(text, one.get("raise") or {})
        data = text.encode("utf-8", "surrogateescape")
        change.put(one["path"], data, secret=bool(one.get("secret")), **attributes)
