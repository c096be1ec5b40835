"""smtpd.conf(5), as far as it decides who may relay; OpenSMTPD prints no effective configuration."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_MACRO = re.compile(r'^([A-Za-z_]\w*)\s*=\s*"?([^"]*)"?\s*$')


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRule:
    """One `match`: the conditions, and what happens to mail that meets all of them."""

    conditions: tuple[tuple[str, str], ...] = ()
    """(keyword, value), the keyword with "!" in front where it is negated: ("from", "any"), ("!from", "src <x>")."""
    action: str = ""
    """Name of the action, or "reject"."""
    text: str = ""

    def says(self, keyword: str) -> str | None:
        """The value of one condition."""
        return dict(self.conditions).get(keyword)

    @property
    def needs_login(self) -> bool:
        """Only authenticated clients match."""
        return self.says("auth") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpensmtpdSettings:
    """Listeners, rules and what kinds of action they lead to."""

    version: str = ""
    rules: tuple[MatchRule, ...] = ()
    relaying: tuple[str, ...] = ()
    """Names of the actions that send mail on to other hosts."""
    listeners: tuple[str, ...] = ()
    tables: tuple[tuple[str, str], ...] = ()
    """(name, kind or place): file:/etc/aliases, db:…; inline members joined by ", " only where they are networks."""
    filters: tuple[str, ...] = ()
    """Name, then what it is: `rspamd proc-exec filter-rspamd`."""
    includes: tuple[str, ...] = ()
    """Files that are read besides: rules in them are not seen."""


def logical_lines(text: str) -> Iterator[str]:
    """Lines without comments, continued ones joined, macros put in, braces kept together."""
    macros: dict[str, str] = {}
    pending = ""
    for raw in text.splitlines():
        line = pending + re.sub(r'#(?=(?:[^"]*"[^"]*")*[^"]*$).*', "", raw).rstrip()
        if line.endswith("\\") or line.count("{") > line.count("}"):
            pending = line.rstrip("\\") + " "
            continue
        pending = ""
        macro = _MACRO.match(line.strip())
        if macro:
            macros[macro[1]] = macro[2]
        elif line.strip():
            yield re.sub(r"\$(\w+)", lambda found: macros.get(found[1], found[0]), line.strip())


def split_words(line: str) -> list[str]:
    """Words; a {…} list is one word."""
    rough = re.sub(r"\{[^{}]*\}", lambda found: '"' + found[0].replace('"', "") + '"', line)
    try:
        return shlex.split(rough, comments=False)
    except ValueError:
        return rough.split()


_TAKES_VALUE = {"helo", "mail-from", "rcpt-to", "tag", "src", "domain"}


def parse_match(line: str) -> MatchRule:
    """One rule; conditions that were not given keep their defaults (from local for local)."""
    words = split_words(line)[1:]
    conditions: list[tuple[str, str]] = []
    action = ""
    index = 0
    while index < len(words):
        negated = words[index] == "!"
        index += negated
        word = words[index] if index < len(words) else ""
        if word == "reject":
            action = "reject"
        elif word == "action":
            index += 1
            action = words[index] if index < len(words) else ""
        elif word in {"from", "for"}:
            taken, value = _direction(words[index + 1 :])
            conditions.append(("!" * negated + word, value))
            index += taken
        else:
            value = ""
            following = words[index + 1] if index + 1 < len(words) else ""
            if word in _TAKES_VALUE or following.startswith(("<", "{")):
                value, index = following, index + 1
            conditions.append(("!" * negated + word, value))
        index += 1
    return MatchRule(conditions=tuple(conditions), action=action, text=line[:200])


def _direction(words: list[str]) -> tuple[int, str]:
    """What follows `from` or `for`: how many words, and its meaning."""
    negation = "! " if words[:1] == ["!"] else ""
    rest = words[1:] if negation else words
    if not rest:
        return 0, ""
    taken = 1 + bool(negation)
    extra = 0
    if rest[0] in {"src", "domain", "rdns", "mail-from", "rcpt-to", "auth"}:
        extra = 1
        if rest[1:2] == ["regex"]:
            extra = 2
        if rest[0] == "auth" and not (rest[1:2] and rest[1].startswith(("<", "{"))):
            extra = 0
    elif rest[0] == "local" or rest[0] == "any":
        extra = 0
    return taken + extra, negation + " ".join(rest[: 1 + extra])


def parse_smtpd_conf(text: str) -> OpensmtpdSettings:
    """The file as its text. Credentials stay out: of tables only the kind and place, of relays only that they relay."""
    rules, relaying, listeners, tables, filters, includes = [], [], [], [], [], []
    for line in logical_lines(text):
        words = split_words(line)
        match words:
            case ["match", *_]:
                rules.append(parse_match(line))
            case ["action", name, "relay", *_]:
                relaying.append(name)
            case ["listen", *_]:
                listeners.append(line[:300])
            case ["table", name, *rest] if rest:
                inline = " ".join(rest).strip()
                tables.append((name, _networks_only(inline) if inline.startswith("{") else rest[0]))
            case ["filter", name, *rest]:
                filters.append(" ".join([name, *rest])[:200])
            case ["include", name, *_]:
                includes.append(name)
            case _:
                continue
    return OpensmtpdSettings(
        rules=tuple(rules),
        relaying=tuple(relaying),
        listeners=tuple(listeners),
        tables=tuple(tables),
        filters=tuple(filters),
        includes=tuple(includes),
    )


def _networks_only(inline: str) -> str:
    members = [word.strip() for word in inline.strip("{} ").split(",")]
    return "{" + ", ".join(word for word in members if re.fullmatch(r"[0-9a-fA-F:./\[\]]+", word)) + "}"


def login_listeners(settings: OpensmtpdSettings) -> tuple[str, ...]:
    """Listeners at which a client may log in."""
    return tuple(line for line in settings.listeners if " auth" in line)


def relaying_rules(settings: OpensmtpdSettings) -> Iterator[MatchRule]:
    """Rules that send mail for foreign domains on without a login; whom they let is in their `from`."""
    for rule in settings.rules:
        target = rule.says("for") or ("!" if rule.says("!for") is not None else "local")
        foreign = target == "any" or target.startswith("!") or " regex " in f" {target} "
        if rule.action in settings.relaying and foreign and not rule.needs_login:
            origin = rule.says("from") or ""
            if not origin.startswith("auth"):
                yield rule


def open_rules(settings: OpensmtpdSettings) -> Iterator[MatchRule]:
    """Those that let anybody: `from any`, everyone but somebody, or by what the client merely claims."""
    for rule in relaying_rules(settings):
        origin = rule.says("from") or ""
        negated = rule.says("!from") is not None or origin.startswith("!")
        if origin == "any" or negated or origin.split(" ")[0] in {"rdns", "mail-from"}:
            yield rule


def trusted_sources(settings: OpensmtpdSettings) -> tuple[str, ...]:
    """Networks, tables and names after `from src` of rules that relay."""
    tables = dict(settings.tables)
    found: list[str] = []
    for rule in relaying_rules(settings):
        origin = rule.says("from") or ""
        if not origin.startswith("src "):
            continue
        value = origin.removeprefix("src ").strip()
        if value.startswith("<") and tables.get(value.strip("<>"), "").startswith("{"):
            value = tables[value.strip("<>")]
        found += [word for word in value.strip("{} ").replace(",", " ").split() if word]
    return tuple(dict.fromkeys(found))
