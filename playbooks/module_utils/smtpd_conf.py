"""smtpd.conf(5) of OpenSMTPD, changed line by line: only rules that open the host are touched."""

from __future__ import annotations

import re
import shlex

_CONTINUED = re.compile(r"\\\n\s*")


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()


def logical_lines(text: str) -> list[str]:
    """Lines as the parser sees them: a backslash at the end joins two."""
    lines: list[str] = []
    joined = ""
    for line in text.splitlines():
        joined += line
        if joined.rstrip().endswith("\\") and not joined.lstrip().startswith("#"):
            joined += "\n"
            continue
        lines.append(joined)
        joined = ""
    return [*lines, joined] if joined else lines


def relay_actions(text: str) -> set[str]:
    """Names of the actions that hand mail on to other hosts."""
    found = set()
    for line in logical_lines(text):
        words = _words(_CONTINUED.sub(" ", line))
        if len(words) > 2 and words[0] == "action" and words[2] == "relay":
            found.add(words[1])
    return found


def local_action(text: str) -> str:
    """Name of the first action that delivers on this host, '' when there is none."""
    for line in logical_lines(text):
        words = _words(_CONTINUED.sub(" ", line))
        if len(words) > 2 and words[0] == "action" and words[2] != "relay":
            return words[1]
    return ""


def bare_postmaster(text: str) -> str:
    """The rule that takes <Postmaster> without a domain, '' when nothing is delivered here.

    smtpd completes it with its own name (RFC 5321 section 4.5.1), which a rule for the hosted domains does not match.
    """
    action = local_action(text)
    anycase = "".join(f"[{letter.upper()}{letter}]" for letter in "postmaster")
    return f'match from any for local rcpt-to regex "^{anycase}@" action "{action}"' if action else ""


def _foreign_source(words: list[str], trusted: list[str]) -> bool:
    """Does the rule match clients that are neither this host, nor trusted, nor logged in?"""
    if "auth" in words and words[words.index("auth") - 1] != "!":
        return False
    if "from" not in words:
        return False  # smtpd.conf(5): "from local" is the default
    source = words[words.index("from") + 1 : words.index("from") + 3]
    if source[:1] == ["any"] or source[:1] == ["rdns"] or source[:1] == ["!"]:
        return True
    if source[:1] == ["src"]:
        inside = [part for part in re.split(r"[\s,{}]+", source[1]) if part]
        return not source[1].startswith("<") and any(part not in trusted for part in inside)
    return source[:1] == ["auth"] and False


def _any_destination(words: list[str]) -> bool:
    if "for" not in words:
        return False
    target = words[words.index("for") + 1 : words.index("for") + 3]
    return target[:1] in (["any"], ["!"]) or target == ["domain", "regex"] or target == ["domain", "*"]


def relay_closed(text: str, trusted: list[str]) -> str:
    """Rules that relay anybody's mail anywhere now ask for a login; rules for this host itself are kept.

    ``from any`` also covered this host's own programs, so a rule for local mail is added where none is left.
    """
    relays, changed, lines = relay_actions(text), None, []
    for line in logical_lines(text):
        words = _words(_CONTINUED.sub(" ", line))
        opens = (
            words[:1] == ["match"]
            and "action" in words
            and words[words.index("action") + 1] in relays
            and _any_destination(words)
            and _foreign_source(words, trusted)
        )
        if not opens:
            lines.append(line)
            continue
        changed = words[words.index("action") + 1]
        lines.append(re.sub(r"^(\s*match)\b", r"\1 auth", line, count=1))
    if changed and not any(_local_relay(_words(line), relays) for line in lines):
        lines.append(f'match from local for any action "{changed}"')
    return "\n".join(lines) + "\n" if changed else text


def _local_relay(words: list[str], relays: set[str]) -> bool:
    local = "from" not in words or words[words.index("from") + 1] == "local"
    plain = not {"auth", "helo", "mail-from", "rcpt-to", "tag"} & set(words)
    return words[:1] == ["match"] and local and plain and _any_destination(words) and words[-1] in relays


def public_listeners(text: str) -> list[str]:
    """The listen rules that are not for this host alone."""
    found = [line for line in logical_lines(text) if re.match(r"\s*listen\s+on\s", line)]
    return [line for line in found if not re.match(r"\s*listen\s+on\s+(?:localhost|lo0?|127\.\S+|::1|socket)\b", line)]


SENDERS = "auditor-senders"
_LISTEN = re.compile(r"\s*listen\s+on\s+(?P<where>\S+(?:\s+inet[46])?)(?P<rest>.*)", re.DOTALL)
_DOORS = {465: "smtps", 587: "tls-require"}
_NAMED = {"smtp": 25, "submission": 587, "submissions": 465, "smtps": 465, "urd": 465}


def listen_port(line: str) -> int:
    """The port of a listen rule: 465 for smtps without one, else 25; 0 for a name that is not known here."""
    words = _words(_CONTINUED.sub(" ", line))
    if "port" in words[:-1]:
        word = words[words.index("port") + 1]
        return int(word) if word.isdigit() else _NAMED.get(word, 0)
    return 465 if "smtps" in words else 25


def _takes_logins(line: str) -> bool:
    words = _words(_CONTINUED.sub(" ", line))
    return bool({"auth", "auth-optional"} & set(words)) and bool({"smtps", "tls-require"} & set(words))


def pki_names(text: str) -> list[str]:
    """Names of certificates that the file knows, in its order."""
    return list(dict.fromkeys(name.strip('"') for name in re.findall(r'(?m)^\s*pki\s+("[^"\n]*"|\S+)\s+cert\b', text)))


def with_submission(text: str, pki: str, table: str) -> str:
    """Doors for users where the file listens to strangers: 465 and 587, a login within TLS, senders bound to it.

    A listener there that takes no logins within TLS gives way; one that does stays as it is.
    """
    lines: list[str] = []
    present = [line for line in public_listeners(text) if _takes_logins(line)]
    for line in logical_lines(text):
        found = _LISTEN.match(line)
        port = listen_port(line) if found and line in public_listeners(text) else 0
        if port in _DOORS and line not in present:
            lines += ["# auditor: " + part for part in line.splitlines()]
            continue
        lines.append(line)
        if found and port == 25:
            named = re.search(r'\bhostname\s+("[^"]*"|\S+)', found["rest"])
            for door, security in _DOORS.items():
                if not any(listen_port(one) == door and _LISTEN.match(one)["where"] == found["where"] for one in present):
                    lines.append(
                        f'listen on {found["where"]} port {door} {security} pki "{pki}"{" " + named.group() if named else ""}'
                        f' protocols "tlsv1.2,tlsv1.3" auth senders <{SENDERS}>'
                    )
    head = f"table {SENDERS} file:{table}"
    out = "\n".join(lines) + "\n"
    if f"<{SENDERS}>" in out and not re.search(rf"(?m)^\s*table\s+{SENDERS}\b", out):
        at = re.search(r"(?m)^\s*listen\b", out)
        out = out[: at.start()] + head + "\n" + out[at.start() :] if at else out
    return _with_relay_after_login(out)


def with_starttls(text: str, pki: str) -> str:
    """STARTTLS offered, and not asked for, where the file listens to strangers at port 25 without any TLS."""
    lines = []
    public = public_listeners(text)
    for line in logical_lines(text):
        plain = line in public and listen_port(line) == 25 and not {"tls", "tls-require"} & set(_words(_CONTINUED.sub(" ", line)))
        found = _LISTEN.match(line) if plain else None
        lines.append(f'{line[: found.end("where")]} port 25 tls pki "{pki}"{_after_port(found["rest"])}' if found else line)
    return "\n".join(lines) + "\n"


def _after_port(rest: str) -> str:
    return re.sub(r"^\s+port\s+\S+", "", rest)


def _with_relay_after_login(text: str) -> str:
    """The rule that sends users' mail on, last, so that mail for this host's own domains is delivered before it."""
    relays = relay_actions(text)
    for line in logical_lines(text):
        words = _words(_CONTINUED.sub(" ", line))
        if words[:1] == ["match"] and "auth" in words and _any_destination(words) and words[-1] in relays:
            return text
    action = next((one for one in ("relay", *sorted(relays)) if one in relays), "auditor-relay")
    made = "" if relays else f'action "{action}" relay\n'
    return f'{text}{made}match auth from any for any action "{action}"\n'
