"""What a shell block may contain, and how its placeholders become arguments.

`{{ name }}` in a block is replaced by a reference to a shell variable that is set from a positional parameter,
so no value is ever parsed by a shell. That holds only outside quotes, which is why the lint looks at them.
"""

import re
import subprocess
from collections.abc import Collection, Iterator
from typing import Final

PLACEHOLDER: Final = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")

_FORBIDDEN: Final = (
    (
        r"\bpostqueue\s+(\S+\s+)*-f\b",
        "postqueue -f sends everything, also what was deferred on purpose: use postqueue -i ID",
    ),
    (r"\bexim4?\s+(\S+\s+)*-q+f", "exim -qf and -qff break every hold: use exim4 -M ID"),
    (r"\bsendmail(-mta)?\s+(\S+\s+)*-q[!]?[A-Za-z]?f\b", "this forces the whole queue"),
    (r"\bsmtpctl\s+schedule\s+all\b", "this sends everything at once: schedule a list of ids"),
    (r"\bflush\s+ruleset\b", "flush ruleset removes the site's own firewall too"),
    (r"\bnft\s+flush\b", "never flush tables of others: delete only our own"),
    (
        r"\bip6?tables\s+(\S+\s+)*(-F|--flush|-X)|\bufw\s+(disable|reset)\b",
        "this removes the site's own firewall",
    ),
    (
        r"\bsystemctl\s+(\S+\s+)*(start|stop|restart|reload|try-restart)\s+(\S+\s+)*nftables\b|/etc/nftables\.conf",
        "Debian's nftables service empties the whole rule set first, and an isolation with it",
    ),
    (r"\bsystemctl\s+(\S+\s+)*(stop|restart|mask|disable)\s+(\S+\s+)*sshd?\b", "this may be the only way in"),
    (r"\bchain\s+fwd\b", "fwd is a word of nft's own: no chain can be called so"),
    (r"\bcounter\s*\}", "nft wants a ; between counter and the brace"),
    (r"\brm\s+(-\S+\s+)*(-[A-Za-z]*[rR]|--recursive)", "rm -r has no place in an incident: name the files"),
    (r"\bfind\b.*\s-delete\b", "find -delete has no place in an incident: name the files"),
    (
        r"\b(shred|wipefs|mkfs(\.\w+)?|fsck(\.\w+)?|e2fsck)\b|\bdd\b.*\bof=",
        "this overwrites what could still be saved",
    ),
    (r"\b(pkill|killall)\b", "pkill and killall match more than one thinks: kill one pid, or use the unit"),
    (r"\bpostsuper\s+(-\w\s+)*-[def]\s+ALL\b", "never ALL: act on a reviewed list of ids"),
    (r"\bpostsuper\s+(-\w\s+)*-[ef]\b", "this bounces to forged senders: delete, do not bounce"),
    (r"\bexim4?\s+(\S+\s+)*-Mg\b", "exim -Mg bounces to forged senders: remove with -Mrm"),
    (r"\bexiqgrep\s+-i\s*($|\|)", "exiqgrep -i alone prints its help where ids are expected: use exipick -i"),
    (r"\bsmtpctl\s+pause\s+smtp\b", "smtpctl pause smtp leaves clients hanging: use the firewall"),
    (
        r"\bpostfix\s+start\b|\b(exim4?|sendmail(-mta)?)\s+(\S+\s+)*-bd\b",
        "a mail program that a shell started lives outside its unit, and nobody starts it again: use systemctl",
    ),
    (
        r"\bCHECK_RCPT_LOCAL_ACL_FILE\b",
        "Debian's Exim reads this after it has accepted relays and logins: use CHECK_DATA_LOCAL_ACL_FILE",
    ),
    (r"\bnologin\s*=\s*y", "nologin stops IMAP, and SMTP goes on: use a passdb with deny = yes"),
    (
        r"\bgrep\b[^|;]*\s>\s*\S+\s*\|\|\s*(echo|true|:)(\s|$)",
        "grep ends with 2 when the disk is full: `|| [ $? = 1 ]` forgives only that no line is left",
    ),
    (r"\beval\b", "eval parses data as program"),
    (r"\b(sh|bash)\s+-c\b|\|\s*(sudo\s+)?(ba|da)?sh\b", "a shell inside a shell parses data as program"),
    (r"\b(curl|wget)\b", "nothing is fetched from the network during an incident"),
    (r"\b(reboot|shutdown|poweroff|halt)\b", "a reboot destroys evidence: make it a manual step"),
)
_DELETES: Final = re.compile(
    r"\bpostsuper\s+(-\w\s+)*-d\b|\bexim4?\s+(\S+\s+)*-Mrm\b|\bsmtpctl\s+remove\b"
    r"|\bdoveadm\s+(\S+\s+)*(expunge|delete)\b|\b(rm|mv|unlink|truncate)\b.*/var/(spool|mail|vmail)\b"
)
_SETS: Final = re.compile(
    r"\bpostconf\s+(-\w+\s+)*-(e|X|#|MX|PX)|\bpostconf\s+-[MP]\s+('[^']*|\S*)=|\bsed\s+(-\S+\s+)*-\w*i\b"
    r"|\b(usermod|chage|useradd|userdel|passwd|saslpasswd2)\s+-|\bnft\s+(-f|add|delete|insert|replace)\b"
    r"|\bsystemctl\s+(\S+\s+)*(mask|unmask|disable|edit|set-property)\b"
)
_WRITES: Final = re.compile(r"(?<![<>=-])>>?\|?\s*(?!/dev/null\b|&|\()\S")
_ACTS: Final = re.compile(
    r"\bsystemctl\s+(\S+\s+)*(start|stop|restart|reload|try-restart|enable|kill|reset-failed)\b"
    r"|\bpostfix\s+(start|stop|reload|flush|abort)\b|\bpostsuper\b|\bpostqueue\s+-[ifs]|\bexim4?\s+(\S+\s+)*-M(?!v)"
    r"|\bsendmail(-mta)?\s+(?!-bp)(\S+\s+)*-[qQ]|\bsmtpctl\s+(pause|resume|schedule|remove|update)\b|\bnewaliases\b|\bss\s+-\w*K"
    r"|\bapt(-get)?\s+(\S+\s+)*(install|update|upgrade|full-upgrade|dist-upgrade|remove|purge)\b"
    r"|\bdoveadm\s+(kick|reload|stop|expunge)\b|(^|[;|&({]|\b(then|else|do|xargs))\s*(kill|rm|mv|cp|install|mkdir|touch|tee|make)\s"
)
_HEREDOC: Final = re.compile(r"(<<-?\s*['\"]?(\w+)['\"]?[^\n]*\n)(.*?\n)(?=\2(?:\n|$))", re.DOTALL)
_QUOTED: Final = re.compile(r"\\.|(?<!\S)#[^\n]*|'[^']*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_PIECE: Final = re.compile(
    r"\{\{\s*(?P<name>[a-z][a-z0-9_]*)\s*\}\}|(?P<escape>(?<!')\\.)|(?P<substitution>\$\()|(?P<open>\()|(?P<close>\))"
    r"|(?P<single>')|(?P<double>\")|(?P<comment>(?<![^\s])#[^\n'\"]*)",
    re.DOTALL,
)
_SESSIONS: Final = re.compile(r"\bss\s+(-\w+\s+)*-\w*K")


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Numbered commands without lines that are only comment; what a backslash continues is one command."""
    begun, command = 0, ""
    for number, line in enumerate(text.split("\n")):
        if not command and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun = begun if command else number
        command += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield begun, command
            command = ""


def unsafe(text: str) -> Iterator[tuple[int, str]]:
    """(line within the block, why it may not stand there) for each dangerous command."""
    for number, line in _code(text):
        for pattern, why in _FORBIDDEN:
            if re.search(pattern, line):
                yield number, why
        if _SESSIONS.search(line) and not (re.search(r"\bdst\b", line) and re.search(r"\b[sd]port\b", line)):
            yield number, "ss -K without both an address and a port would end the admin's own session"
        if "&&" in line and "||" not in line and re.match(r"\s*(if|elif|while|until)\b", line) is None:
            yield number, "set -e does not stop at a failing `a && b`: write two lines, or an if"


def deletions(text: str) -> Iterator[tuple[int, str]]:
    """(line within the block, command) of each command that takes mail away for good."""
    return ((number, line) for number, line in _code(text) if _DELETES.search(line))


def settings(text: str) -> Iterator[tuple[int, str]]:
    """(line within the block, command) of each command that leaves a host set otherwise: files, accounts, rules, masks."""
    bare = dict(_code(_without_quoted(text)))
    for number, line in _code(text):
        if _SETS.search(line) or _WRITES.search(bare.get(number, "")):
            yield number, line


def acts(text: str) -> Iterator[tuple[int, str]]:
    """(line within the block, command) of each command that does more than look."""
    setting = dict(settings(text))
    for number, line in _code(text):
        if number in setting or _ACTS.search(line):
            yield number, line


def _without_quoted(text: str) -> str:
    """The text with every quoted string, comment and here-document emptied, on as many lines as before."""
    emptied = _HEREDOC.sub(lambda found: found[1] + "\n" * found[3].count("\n"), text)
    return _QUOTED.sub(lambda found: "Q" + "\n" * found[0].count("\n"), emptied)


def dashing(text: str, free: Collection[str]) -> Iterator[tuple[int, str]]:
    """(line within the block, name) of each placeholder of `free` text that a command could read as an option."""
    for number, line in _code(text):
        for found in PLACEHOLDER.finditer(line):
            before = line[: found.start()].split()
            alone = found.start() > 0 and line[found.start() - 1].isspace()
            safe = {"--", "-e"} & set(before[-1:]) or {"printf", "echo", "test"} & set(before)
            if found[1] in free and alone and not safe:
                yield number, found[1]


def quoted_placeholders(text: str) -> Iterator[tuple[int, str]]:
    """(line within the block, name) of each placeholder that stands inside quotes, where it would not work."""
    stack: list[str] = []
    for found in _PIECE.finditer(text):
        kind, top = found.lastgroup, stack[-1] if stack else ""
        if kind == "name" and top in {"'", '"'}:
            yield text.count("\n", 0, found.start()), found["name"]
        elif top == "'":
            if kind == "single":
                stack.pop()
        elif kind == "substitution" or (kind == "open" and top != '"'):
            stack.append("(")
        elif (kind == "close" and top == "(") or (kind == "double" and top == '"'):
            stack.pop()
        elif kind == "double" or (kind == "single" and top != '"'):
            stack.append(found[0])


def names(text: str) -> frozenset[str]:
    """The placeholders of a block."""
    return frozenset(PLACEHOLDER.findall(text))


def program(text: str, known: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """The block as a program for `sh -eu` and its positional parameters, in one fixed order.

    Each value travels as an argument of its own and is named by an assignment at the top, so whatever it holds
    stays data. Raises KeyError for a name without a value.
    """
    used = sorted(names(text))
    values = tuple(known[name] for name in used)
    assignments = "".join(f'{name}="${{{number}}}"\n' for number, name in enumerate(used, 1))
    body = PLACEHOLDER.sub(lambda found: f'"${{{found[1]}}}"', text)
    return (
        f"LC_ALL=C\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport LC_ALL PATH\n{assignments}{body}",
        values,
    )


def syntax_error(text: str) -> str | None:
    """What sh and bash say about the block's syntax, or None when both can read it."""
    body = PLACEHOLDER.sub(lambda found: f'"${{{found[1]}}}"', text)
    for shell in ("sh", "bash"):
        ran = subprocess.run(
            [shell, "-n"],
            input=body,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
            errors="replace",
        )
        if ran.returncode != 0:
            return f"{shell} cannot read this: {(ran.stderr.strip().splitlines() or ['?'])[0]}"
    return None
