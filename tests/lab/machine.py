"""One Debian host: systemd as PID 1 on an overlay of an image, in namespaces of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.lab import process, seed
from tests.lab.net import Router, Station
from tests.lab.ssh import Ssh

_BOOT: Final = Path(__file__).with_name("boot.sh")
_LISTEN: Final = "0A"


class NotReadyError(Exception):
    """A host did not come up in time; the text carries what it said."""


@dataclass(kw_only=True)
class Host:
    """A mail host. Made by ``Lab.host()``.

    `state` is a directory on the laboratory's tmpfs, `roots` the image's layers. `setup` is a shell script that runs once
    as root inside the file system before systemd starts, with ``$NAME $V4 $V6 $DOMAIN`` set and `files` in /var/lib/lab.
    `by_hand` is one that admin types in a login session after the first boot, and that starts what listens on `ports`.
    """

    station: Station
    router: Router
    name: str
    release: str
    mta: str
    roots: list[Path]
    state: Path
    client_key: Path
    setup: str = ""
    files: dict[str, str] = field(default_factory=dict, repr=False)
    by_hand: str = ""
    ports: frozenset[int] = frozenset({25})
    pid: int = 0
    _runner: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def v4(self) -> str:
        """IPv4 address."""
        return self.station.v4

    @property
    def v6(self) -> str:
        """IPv6 address."""
        return self.station.v6

    @property
    def domain(self) -> str:
        """The mail domain: the host's name without its first label."""
        return self.name.partition(".")[2]

    @property
    def ssh(self) -> Ssh:
        """How to log in as root, admin (sudo without password) or nosudo."""
        return Ssh(address=self.v4, port=22, key=self.client_key, known_hosts=self.state / "known_hosts")

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self, *, timeout: float = 60) -> None:
        """Boot and wait until systemd has finished and sshd and the mail program listen."""
        first = not (self.state / "root").is_dir()
        if first:
            self._prepare()
            self.station.up(self.router)
        lower = ":".join(str(root) for root in self.roots)
        inner = [
            "unshare",
            "-mpuiC",
            "--fork",
            "--kill-child",
            "sh",
            str(_BOOT),
            lower,
            str(self.state),
            self.name,
        ]
        enter = ["nsenter", f"--net=/run/netns/{self.station.namespace}", *inner]
        self._runner = process.spawn(self._cgroup, enter, self.state / "console")
        deadline = time.monotonic() + timeout
        self._await_ready(frozenset() if self.by_hand else self.ports, deadline)
        if first and self.by_hand:
            done = self.login("sudo sh -eu", text=self.by_hand)
            if done.returncode:
                raise RuntimeError(f"{self.name}: by hand: {done.stdout}{done.stderr}")
            self._await_ready(self.ports, deadline)

    def reboot(self) -> None:
        """Restart as ``systemctl reboot`` would: services are stopped, disks keep what was written."""
        self._end(signal.SIGRTMIN + 5, timeout=30)
        self.start()

    def kill(self) -> None:
        """Cut the power: every process ends at once, disks keep what was written."""
        self._end(signal.SIGKILL, timeout=10)

    def stop(self) -> None:
        """Cut the power and forget the disk and the network."""
        self.kill()
        self.station.down()
        shutil.rmtree(self.state, ignore_errors=True)

    def fresh(self) -> None:
        """Start again from the image and `setup`, as if nothing had happened since the first boot."""
        self.stop()
        self.start()

    def snapshot(self) -> Path:
        """Stop the clock of the disk: a copy of all that changed since the image, for ``restore()``."""
        copy = self.state.with_name(f"{self.state.name}.{uuid.uuid4().hex[:8]}")
        subprocess.run(["cp", "-a", str(self.state / "upper"), str(copy)], check=True)
        return copy

    def restore(self, snapshot: Path) -> None:
        """Power off, put the disk back to `snapshot` and boot."""
        self.kill()
        for folder in ("upper", "work"):
            shutil.rmtree(self.state / folder)
        subprocess.run(["cp", "-a", str(snapshot), str(self.state / "upper")], check=True)
        (self.state / "work").mkdir()
        self.start()

    # -- inside ------------------------------------------------------------------------------------------------------

    def run(
        self, command: str | Sequence[str], *, check: bool = False, **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run as root inside, a string by ``sh -c``; output is captured as text, the exit code is the caller's.

        The process belongs to the cgroup ``/lab-console``. What must belong to a login session goes over `ssh`.
        Like all processes of a host it may not set the clock, which is the machine's.
        """
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-n", "-C", "--wd", "--", *argv]
        enter = ["setpriv", "--bounding-set=-sys_time,-sys_module,-sys_rawio", "--", *enter]
        into = f'echo $$ > "{self._cgroup}/lab-console/cgroup.procs" && exec "$@"'
        env = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "SYSTEMD_PAGER": "",
        }
        options: dict[str, Any] = {
            "capture_output": True,
            "text": True,
            "errors": "backslashreplace",
            "timeout": 120,
            "env": env,
        }
        done: subprocess.CompletedProcess[str] = subprocess.run(
            ["sh", "-c", into, "sh", *enter], check=check, start_new_session=True, **{**options, **kwargs}
        )
        return done

    def sh(self, script: str) -> str:
        """Run a script as root inside that must succeed; its stdout."""
        done = self.run(["sh", "-eu", "-c", script])
        if done.returncode:
            raise RuntimeError(f"{self.name}: exit {done.returncode}\n{script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def login(
        self, command: str, *, user: str = "admin", via: Station | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command over SSH, so that it belongs to a login session; from the host's own gateway unless `via`.

        `text` is its standard input.
        """
        argv = self.ssh.argv(user, [command])
        namespace = via.namespace if via else self.router.namespace
        return subprocess.run(
            ["ip", "netns", "exec", namespace, *argv],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def read(self, path: str) -> str:
        """The text of a file inside."""
        return self.sh(f"cat -- '{path}'")

    def write(self, path: str, text: str, *, mode: int = 0o644, owner: str = "root:root") -> None:
        """Create or replace a file inside; missing directories are made."""
        script = 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1" && chown "$3" "$1"'
        done = self.run(["sh", "-c", script, "sh", path, f"{mode:o}", owner], input=text)
        if done.returncode:
            raise RuntimeError(f"{self.name}: cannot write {path}: {done.stderr}")

    def kill9(self, pid: int) -> None:
        """``kill -9`` of a process by its number inside, which is above 1: 0 would mean our own process group."""
        if pid <= 1:
            raise ValueError(f"no process of its own: {pid}")
        self.run(["kill", "-9", str(pid)], check=True)

    def sha(self, paths: Iterable[str]) -> Mapping[str, str]:
        """SHA-256 of each file at or below `paths`, by path."""
        done = self.run(["find", *paths, "-xdev", "-type", "f", "-exec", "sha256sum", "{}", "+"])
        pairs = (line.split("  ", 1) for line in done.stdout.splitlines())
        return {path: digest for digest, path in pairs}

    def listening(self) -> set[int]:
        """TCP ports with a listener, read without sending a packet."""
        ports = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{self.pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                if state == _LISTEN:
                    ports.add(int(local.rpartition(":")[2], 16))
        return ports

    # -- inner parts -------------------------------------------------------------------------------------------------

    @property
    def _cgroup(self) -> Path:
        return process.cgroup(self.station.lab, self.station.name)

    def _prepare(self) -> None:
        for folder in ("upper", "work", "root"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)
        facts = f"NAME={self.name} V4={self.v4} V6={self.v6} DOMAIN={self.domain}\nexport NAME V4 V6 DOMAIN\n"
        files = {f"var/lib/lab/{name}": text for name, text in self.files.items()}
        files["var/lib/lab/setup.sh"] = facts + self.setup
        public = self.client_key.with_suffix(".pub").read_text(encoding="ascii")
        seed.write(self.state, self.name, (self.v4, self.v6), public, files)

    def _await_ready(self, ports: frozenset[int], deadline: float) -> None:
        assert self._runner is not None
        wanted = {22} | ports
        missing: set[int] | frozenset[int] = wanted
        while time.monotonic() < deadline and self._runner.poll() is None:
            time.sleep(0.05)
            self.pid = self.pid or process.only_child(self._runner)
            if not self.pid or not _is_systemd(self.pid):
                continue
            (self._cgroup / "lab-console").mkdir(exist_ok=True)
            missing = wanted - self.listening()
            if not missing and self._booted():
                return
        console = (self.state / "console").read_text(encoding="utf-8", errors="replace")[-4000:]
        failed = (
            self.run("systemctl --failed --no-legend; journalctl -b -p warning --no-pager | tail -30").stdout
            if self.pid
            else ""
        )
        self.kill()
        raise NotReadyError(
            f"{self.name} ({self.release} {self.mta}): no listener on {sorted(missing)}\n{console}\n{failed}"
        )

    def _booted(self) -> bool:
        state = self.run(["systemctl", "is-system-running"]).stdout.strip()
        return state in {"running", "degraded"}

    def _end(self, how: int, *, timeout: float) -> None:
        if self._runner is None:
            return
        if self.pid and self._runner.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)
        try:
            self._runner.wait(timeout)
        except subprocess.TimeoutExpired:
            os.kill(self.pid or self._runner.pid, signal.SIGKILL)
            self._runner.wait(10)
        self._runner, self.pid = None, 0
        process.end(self._cgroup)


def _is_systemd(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii") == "systemd\n"
    except (FileNotFoundError, ProcessLookupError):
        return False
