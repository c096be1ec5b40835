"""Where a mail program reaches its helpers, in each program's own notation, and who listens there."""

import re
from dataclasses import dataclass

from auditor.evidence.processes import Listener, ProcessTable

_EVERYWHERE = {"*", "0.0.0.0", "::"}  # noqa: S104 - how ss(8) shows a listener on every address
_LOCAL = re.compile(r"localhost|127\.[\d.]+|::1|\[::1\]|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A TCP or UDP port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def local(self) -> bool:
        """On this machine, as far as the notation says."""
        return bool(self.path) or _LOCAL.fullmatch(self.host) is not None


def parse_endpoint(text: str) -> Endpoint | None:
    """inet:HOST:PORT, inet:PORT@HOST, unix:PATH, local:PATH, /PATH, "HOST PORT". None for anything else."""
    word = text.strip().strip('"')
    kind, _, rest = word.partition(":")
    if kind in {"unix", "local"} and rest:
        return Endpoint(path=rest)
    if word.startswith("/"):
        return Endpoint(path=word.split()[0].split(":")[0])
    if kind in {"inet", "inet6"}:
        word = rest
    turned = re.fullmatch(r"(\d{1,5})@(\S+)", word)
    if turned:
        return Endpoint(host=turned[2].strip("[]"), port=int(turned[1]))
    plain = re.fullmatch(r"(\[[^\]]+\]|[^\s:]*)[\s:]+(\d{1,5})", word)
    return Endpoint(host=plain[1].strip("[]"), port=int(plain[2])) if plain else None


def listeners_at(endpoint: Endpoint, table: ProcessTable) -> tuple[Listener, ...]:
    """Who listens there. A path inside a chroot ends with the path that is configured."""
    if endpoint.path:
        tail = endpoint.path.lstrip("/")
        return tuple(
            listener
            for listener in table.listeners
            if listener.kind == "unix"
            and (listener.address == endpoint.path or f"/{listener.address}".endswith(f"/{tail}"))
        )
    return tuple(
        listener
        for listener in table.listeners
        if listener.kind in {"tcp", "udp"}
        and listener.port == endpoint.port
        and (listener.address in {*_EVERYWHERE, endpoint.host} or endpoint.host in {"", "localhost"})
    )
