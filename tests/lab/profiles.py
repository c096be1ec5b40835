"""What a mail host is set up as: a shell script per mail program, as an admin would type it, and the zone beside it.

``profiles/<profile>/<mta>.sh`` runs before systemd starts, ``profiles/<profile>/all.sh`` before it;
``profiles/<profile>/after.sh`` runs over SSH once the host is up.
"""

from pathlib import Path
from typing import Final

from tests.lab.machine import Host
from tests.lab.names import NameService

_FOLDER: Final = Path(__file__).with_name("profiles")


def script(profile: str, *, mta: str, release: str) -> str:
    """The set-up script, with ``$MTA`` and ``$RELEASE`` set."""
    if profile == "none":
        return ""
    parts = [_FOLDER / profile / "all.sh", _FOLDER / profile / f"{mta}.sh"]
    texts = [part.read_text(encoding="utf-8") for part in parts if part.exists()]
    return "\n".join([f"MTA={mta} RELEASE={release}", *texts, ""])


def publish(profile: str, names: NameService, host: Host) -> None:
    """Publish the zone of the host's domain and its reverse names."""
    records = [
        line.format(mx=host.name, v4=host.v4, v6=host.v6) for line in _ZONES.get(profile, _ZONES["stock"])
    ]
    names.zone(host.domain, [f"{host.name}. A {host.v4}", f"{host.name}. AAAA {host.v6}", *records])
    names.reverse({host.v4: host.name, host.v6: host.name})


def finish(profile: str, host: Host) -> None:
    """Do what an admin does on the running host."""
    after = _FOLDER / profile / "after.sh"
    if after.exists():
        done = host.login(
            f"sudo MTA={host.mta} RELEASE={host.release} sh -eu -c '{after.read_text(encoding='utf-8')}'"
        )
        if done.returncode:
            raise RuntimeError(f"{after}: exit {done.returncode}\n{done.stdout}{done.stderr}")


_ZONES: Final = {
    "stock": ("@ MX 10 {mx}.",),
}
