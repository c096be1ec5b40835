"""A laboratory: router, name service, a vantage outside, and as many Debian mail hosts as a test boots.

>>> with Lab() as lab:
...     mx = lab.host("mx1", release="bookworm", mta="postfix", profile="stock")
...     lab.exec(["auditor", "scan", mx.name])
"""

import atexit
import contextlib
import ipaddress
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.lab import images, process
from tests.lab.authority import Authority
from tests.lab.machine import Host
from tests.lab.names import NameService
from tests.lab.net import RESOLVERS, Router, Station, delete_namespace
from tests.lab.profile import apply_profile, profile_script

RUN: Final = Path("/run/auditor-lab")
_INOTIFY: Final = 2048
_TOOLS: Final = ("ip", "mmdebstrap", "mount", "nsenter", "setpriv", "ssh", "ssh-keygen", "sysctl", "unshare")


def why_not() -> str | None:
    """Why no laboratory can be built on this machine, or None when it can."""
    if sys.platform != "linux":
        return "the laboratory needs Linux"
    if os.geteuid() != 0:
        return "the laboratory needs root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"the laboratory needs {', '.join(missing)} (.ci/install-packages)"
    if "ID=debian" not in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        return "the laboratory builds its images from a Debian machine's apt sources"
    if not (process.TOP.parent / "cgroup.procs").exists():
        return "the laboratory needs cgroup2"
    return None


class Lab:
    """Everything with one life time. Use it as a context manager, or call ``up()`` and ``down()``."""

    def __init__(self) -> None:
        self.id = f"al{os.getpid()}x{secrets.token_hex(2)}"
        self.state = RUN / self.id
        self.router = Router(lab=self.id)
        self.vantage = Station(lab=self.id, name="vantage", v4="203.0.113.10", v6="2001:db8:203::10")
        self.attacker = Station(lab=self.id, name="attacker", v4="203.0.113.66", v6="2001:db8:203::66")
        self.hosts: dict[str, Host] = {}
        self.stations: list[Station] = []
        names = Station(lab=self.id, name="names", v4=RESOLVERS[0], v6="2001:db8:2::2")
        self.names = NameService(station=names, state=self.state / "names")
        self.authority = Authority()
        self._servants: list[subprocess.Popen[bytes]] = []
        self._up = False

    # -- life --------------------------------------------------------------------------------------------------------

    def up(self) -> Self:
        """Build the networks and start the name service."""
        sweep()
        _allow_many_systemds()
        roots = images.ensure(images.names())
        RUN.mkdir(parents=True, exist_ok=True)
        owner = {"pid": os.getpid(), "started": _started(os.getpid())}
        self._card.write_text(json.dumps(owner), encoding="ascii")
        self._up = True
        atexit.register(self.down)
        try:
            self._build(roots)
        except BaseException:
            self.down()
            raise
        return self

    def _build(self, roots: list[Path]) -> None:
        self.state.mkdir(mode=0o755)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "mode=755,size=4g", "auditor-lab", self.state], check=True
        )
        subprocess.run(
            ["ssh-keygen", "-q", "-N", "", "-C", "lab", "-t", "ed25519", "-f", self.state / "id"], check=True
        )
        system = Path("/etc/ssl/certs/ca-certificates.crt")
        trusted = system.read_text(encoding="ascii") if system.exists() else ""
        self.trust.write_text(trusted + self.authority.pem, encoding="ascii")
        self.router.up()
        people = {"vantage.example": self.vantage, "attacker.example": self.attacker}
        for station in people.values():
            station.up(self.router)
        self.names.start(self.router, roots, {name: (who.v4, who.v6) for name, who in people.items()})

    def down(self) -> None:
        """End and remove everything. May be called twice."""
        if self._up:
            self._up = False
            atexit.unregister(self.down)
            demolish(self.id)
            for host in self.hosts.values():
                host.kill()
            self.names.kill()
            for servant in self._servants:
                servant.wait(10)
            self._servants.clear()

    def __enter__(self) -> Self:
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    @property
    def trust(self) -> Path:
        """A PEM bundle: this machine's authorities and the laboratory's own."""
        return self.state / "trusted.pem"

    @property
    def _card(self) -> Path:
        return RUN / f"{self.id}.json"

    # -- hosts and stations ------------------------------------------------------------------------------------------

    def host(
        self,
        name: str = "mx1",
        *,
        release: str = "bookworm",
        mta: str = "postfix",
        v4: str = "198.51.100.10",
        v6: str = "2001:db8:100::10",
        profile: str = "stock",
        setup: str | Callable[[Host], None] = "",
        ports: Iterable[int] = (25,),
        packages: str = "",
    ) -> Host:
        """Boot a mail host and wait until systemd, sshd and the mail program are ready.

        `name` without a dot is a host in example.org. `profile` is one of tests/lab/profiles/, its zone is published
        with it; "none" leaves the image as Debian made it. `setup` is a script that runs inside after the profile and
        before systemd starts, or a function that gets the booted host. `ports` are waited for. `packages` come on top of
        the image, in a layer of their own.
        """
        name = name if "." in name else f"{name}.example.org"
        if name in self.hosts:
            raise ValueError(f"there is a host {name} already")
        script = profile_script(profile, mta=mta, release=release)
        image = images.mail(release, mta)
        host = Host(
            station=Station(lab=self.id, name=name, v4=v4, v6=v6),
            router=self.router,
            name=name,
            release=release,
            mta=mta,
            roots=images.ensure(images.extended(image, packages) if packages else image),
            state=self.state / name,
            client_key=self.state / "id",
            setup=script + (setup if isinstance(setup, str) else ""),
            ports=frozenset(ports),
        )
        apply_profile(profile, self, host)
        self.hosts[name] = host
        try:
            host.start()
            if not isinstance(setup, str):
                setup(host)
        except BaseException:
            self.drop(host)
            raise
        return host

    def drop(self, host: Host) -> None:
        """Stop a host and free its name and addresses."""
        host.stop()
        del self.hosts[host.name]

    def station(self, name: str, v4: str, v6: str = "") -> Station:
        """A bare namespace with addresses: a sink, a log host, another operator. The address decides the network."""
        last = ipaddress.IPv4Address(v4).packed[3]
        group = {"198": "100", "192": "2", "203": "203"}[v4.partition(".")[0]]
        station = Station(lab=self.id, name=name, v4=v4, v6=v6 or f"2001:db8:{group}::{last}")
        station.up(self.router)
        self.stations.append(station)
        return station

    def loghost(self) -> Path:
        """Start loghost.example, 192.0.2.20, once: it takes syslog over TLS on port 6514 and appends to this file."""
        received = self.state / "loghost.log"
        if not self._servants:
            station = self.station("loghost", "192.0.2.20")
            credential = self.authority.issue("loghost.example")
            (self.state / "loghost.pem").write_text(credential.key + credential.certificate, encoding="ascii")
            received.touch()
            command = [
                sys.executable,
                str(Path(__file__).with_name("loghost.py")),
                str(self.state / "loghost.pem"),
                str(received),
            ]
            enter = ["nsenter", f"--net=/run/netns/{station.namespace}", *command]
            self._servants.append(
                process.spawn(process.cgroup(self.id, "loghost"), enter, self.state / "loghost.err")
            )
        return received

    def exec(
        self, command: Sequence[str], *, at: Station | None = None, **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command at the vantage, or `at` another place, output captured as text; see ``Station.run``.

        It trusts `authority`.
        """
        kwargs["env"] = {**(kwargs.get("env") or os.environ), "SSL_CERT_FILE": str(self.trust)}
        return (at or self.vantage).run(command, **kwargs)

    # -- names -------------------------------------------------------------------------------------------------------

    def zone(
        self,
        name: str,
        records: Iterable[str],
        *,
        signed: bool = False,
        bogus: bool = False,
        dynamic: bool = False,
    ) -> None:
        """Publish or replace a zone; see ``NameService.zone``."""
        self.names.zone(name, records, signed=signed, bogus=bogus, dynamic=dynamic)


def demolish(lab: str) -> None:
    """Remove all that a laboratory left: processes, mounts, namespaces, files. What is already gone is no error."""
    for namespace in _namespaces(lab):
        process.end_in_namespace(namespace)
    process.end(process.cgroup(lab))
    for namespace in _namespaces(lab):
        delete_namespace(namespace)
    state = RUN / lab
    if state.is_mount():
        subprocess.run(["umount", "--lazy", state], check=False)
    with contextlib.suppress(OSError):
        state.rmdir()
    with contextlib.suppress(OSError):
        process.TOP.rmdir()
    (RUN / f"{lab}.json").unlink(missing_ok=True)


def sweep() -> list[str]:
    """Remove the laboratories whose owner is gone; their ids."""
    swept = []
    for card in sorted(RUN.glob("al*x*.json")):
        try:
            owner = json.loads(card.read_text(encoding="ascii"))
        except (FileNotFoundError, json.JSONDecodeError):
            continue
        if _started(int(owner["pid"])) != owner["started"]:
            demolish(card.stem)
            swept.append(card.stem)
    return swept


def _allow_many_systemds() -> None:
    # Each systemd takes about ten inotify instances, and all hosts share root's allowance, which is 128 by default:
    # the twelfth host would die at its first breath. Left raised, because other laboratories may rely on it.
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(limit.read_text(encoding="ascii")) < _INOTIFY:
        limit.write_text(str(_INOTIFY), encoding="ascii")


def _namespaces(lab: str) -> list[str]:
    return sorted(path.name for path in Path("/run/netns").glob(f"{lab}-*"))


def _started(pid: int) -> str | None:
    # Field 22 of /proc/PID/stat tells a process from a later one with the same number; the name may hold blanks.
    try:
        return (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[19]
        )
    except (FileNotFoundError, ProcessLookupError):
        return None
