"""What people type as a target -> a name that can be asked for. Anything else: one clear sentence."""

import ipaddress
import re
from collections.abc import Iterable

from auditor.discover import Target
from auditor.model import SshTarget

MAX_NAME = 253
"""RFC 1035 section 2.3.4, in presentation form."""
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class BadTarget(ValueError):
    """Its text is the sentence for the user."""


def read_name(text: str) -> str:
    """A host, domain or address: lower case, IDN in its ASCII form (RFC 5891), addresses in their short form.

    Raises BadTarget.
    """
    word = text.strip().rstrip(".").lower()
    if word.startswith("[") and word.endswith("]"):
        word = word[1:-1].removeprefix("ipv6:")
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        pass
    if "://" in word or "/" in word:
        raise BadTarget(f"{text!a} is a URL or a network; give a host name, a domain or an address")
    if "@" in word:
        raise BadTarget(f"{text!a} is a mail address; give its domain")
    if not word.isascii():
        word = _to_ascii(word, text)
    if not word or len(word) > MAX_NAME or not all(LABEL.fullmatch(label) for label in word.split(".")):
        raise BadTarget(f"{text!a} is neither a host name, nor a domain, nor an address")
    if word.replace(".", "").isdigit():
        raise BadTarget(f"{text!a} is not a complete IPv4 address")
    return word


def _to_ascii(word: str, text: str) -> str:
    import idna

    try:
        return idna.encode(word, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise BadTarget(f"{text!a} is no valid internationalised name: {str(error)!a}") from error


def read_ssh(text: str) -> SshTarget:
    """[USER@]HOST[:PORT]; an IPv6 address with a port stands in brackets. Raises BadTarget."""
    user, at, rest = text.rpartition("@")
    if at and not user:
        raise BadTarget(f"--ssh {text!a}: there is no user before the @")
    host, port = rest, "22"
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?", rest)
    if bracketed:
        host, port = bracketed[1], bracketed[2] or "22"
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise BadTarget(f"--ssh {text!a}: {port!a} is not a port number")
    return SshTarget(host=read_name(host), port=int(port), user=user or None)


def read_targets(
    names: Iterable[str], ways_in: Iterable[str], declared: Iterable[Target]
) -> tuple[Target, ...]:
    """Targets of the command line and of the inventory, each once; the inventory knows more, so it wins.

    Raises BadTarget.
    """
    known = {target.name: target for target in declared}
    for name in map(read_name, names):
        known.setdefault(name, Target(name))
    ways = [read_ssh(way) for way in ways_in]
    if (
        len(ways) == len(known) == 1
    ):  # one target, one way in: they belong together, whatever ssh calls the host
        return tuple(target._replace(ssh=ways[0]) for target in known.values())
    for way in ways:
        known[way.host] = known.get(way.host, Target(way.host))._replace(ssh=way)
    return tuple(known.values())
