"""What a round of patches keeps before it begins, and how the host goes back to it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from ansible.module_utils.mail_listeners import read, unit_processes
from ansible.module_utils.mail_transaction import STORE, last_line, run

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "NEEDRESTART_MODE": "l"}
LEAST_FREE = 200 * 1024 * 1024
FORCE = ["-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=120"]


def apt(*words: str, seconds: float, cwd: str = "/") -> str:
    """One run of apt-get or dpkg; '' or its complaint."""
    try:
        done = subprocess.run(
            [*words], capture_output=True, text=True, errors="replace", check=False, env=ENVIRONMENT, timeout=seconds, cwd=cwd
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {seconds / 60:.0f} minutes"
    return last_line(done.stderr or done.stdout) if done.returncode else ""


def planned() -> dict[str, tuple[str, str]]:
    """Packages that an upgrade would replace: name -> version now, version then. Raises OSError when apt cannot tell."""
    told = run(["apt-get", "-s", "upgrade"])
    if told.returncode:
        raise OSError(last_line(told.stderr or told.stdout))
    rows = re.findall(r"(?m)^Inst (\S+) \[(\S+)\] \((\S+)", told.stdout)
    return {name: (now, then) for name, now, then in rows}


def obstacle() -> str:
    """Why a round must not begin here, '' when it may."""
    if half := run(["dpkg", "--audit"]).stdout.strip():
        return f"packages are half installed: {last_line(half)}"
    room = os.statvfs("/var")
    if room.f_bavail * room.f_frsize < LEAST_FREE:
        return "less than 200 MB are free below /var"
    return ""


class Kept:
    """The state before a round: /etc, the list of packages, and the old packages where an archive still has them."""

    def __init__(self, name: str) -> None:
        self.store = STORE / name / "round"

    def keep(self, packages: dict[str, tuple[str, str]]) -> list[str]:
        """Write it all; the packages whose old version nobody has any more. Raises OSError when the copy of /etc fails."""
        debs = self.store / "packages"
        debs.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.store / "packages.txt").write_text(run(["dpkg-query", "-W"]).stdout, encoding="utf-8")
        # 1: a file changed while it was read, which logs and caches below /etc do
        done = run(["tar", "-C", "/", "--numeric-owner", "--acls", "--xattrs", "-cpf", str(self._etc), "etc"], timeout=300)
        if done.returncode > 1:
            raise OSError(last_line(done.stderr))
        os.chmod(self._etc, 0o600)
        # apt's own downloader has no access to the directory, and says so of every package
        words = ("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download")
        return [name for name, (now, _) in packages.items() if apt(*words, f"{name}={now}", seconds=300, cwd=str(debs))]

    @property
    def _etc(self) -> Path:
        return self.store / "etc.tar"

    def go_back(self, units: list[str]) -> str:
        """Old packages first, for they write below /etc themselves, then /etc; '' or what could not be taken back."""
        complaints = []
        apt("dpkg", "--configure", "-a", "--force-confold", seconds=600)
        if old := sorted(map(str, (self.store / "packages").glob("*.deb"))):
            complaints.append(apt("dpkg", "--force-confold", "--force-downgrade", "-i", *old, seconds=1200))
        for path in self._strays():
            os.unlink(path)
        done = run(["tar", "-C", "/", "--numeric-owner", "--acls", "--xattrs", "-xpf", str(self._etc)], timeout=300)
        complaints.append(last_line(done.stderr) if done.returncode else "")
        run(["systemctl", "daemon-reload"])
        for unit in units:
            run(["systemctl", "reset-failed", unit])
            complaints.append(last_line(restarted.stderr) if (restarted := run(["systemctl", "restart", unit])).returncode else "")
        return "; ".join(one for one in complaints if one)

    def _strays(self) -> list[str]:
        """What lies below /etc since; none where the copy cannot be listed, because then all of /etc would seem new."""
        listed = run(["tar", "--quoting-style=literal", "-tf", str(self._etc)])
        known = set(listed.stdout.splitlines())
        found = [os.path.join(folder, name) for folder, _, names in os.walk("/etc") for name in names]
        return [path for path in found if path.lstrip("/") not in known] if listed.returncode == 0 else []


def outdated(units: list[str]) -> list[str]:
    """Units with a process that still runs a program or library that was replaced under it."""
    gone = re.compile(r"(?m) /\S*(?:/s?bin/|/lib\S*/|\.so)\S* \(deleted\)$")
    return [unit for unit in units if any(gone.search(read(pid, "maps")) for pid in unit_processes(unit))]


def to_merge(since: float) -> list[str]:
    """New configuration files that packages laid beside those of the admin since then."""
    found = [str(path) for kind in ("dpkg-dist", "dpkg-new", "ucf-dist") for path in Path("/etc").rglob(f"*.{kind}")]
    return sorted(path for path in found if os.stat(path).st_ctime >= since)
