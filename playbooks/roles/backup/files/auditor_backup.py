#!/usr/bin/python3
"""Back this mail host up with restic, prove that it can be read back, and rehearse a restore.

    auditor-backup prepare     the place answers, and holds a repository of ours
    auditor-backup prove       what is there cannot be taken away from here (append-only)
    auditor-backup run         back up, read back, then say so in /var/lib/auditor/backup-succeeded
    auditor-backup rehearse    restore beside the original, compare, then say so in /var/lib/auditor/restore-rehearsed
    auditor-backup restore DIRECTORY [PATH...]      what was backed up last, below DIRECTORY
    auditor-backup compare DIRECTORY [PATH...]      whether each mailbox below DIRECTORY has the messages that were backed up
    auditor-backup restic ...  restic itself, with the place and the password of this host

Installed by the playbook backup; its settings are in /etc/auditor/backup.json, the password in /etc/auditor/backup.secret.
"""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import glob
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SETTINGS = Path("/etc/auditor/backup.json")
SECRET = Path("/etc/auditor/backup.secret")
STATE = Path("/var/lib/auditor")
OWN = STATE / "backup"
# A file that was gone when its turn came, as restic 0.18 and 0.14 (ENOENT by its number) tell it, and the sum of all such lines.
VANISHED = ("no such file or directory", '"Err":2}', "at least one source file could not be read")
TRIES = 3


class Failed(Exception):
    """The text is the sentence for whoever reads the journal."""


class Restic:
    """The program with this host's place. The password goes through the environment, which only root can read."""

    def __init__(self, settings: dict[str, Any]) -> None:
        secret = json.loads(SECRET.read_text(encoding="utf-8"))
        self.host = ["--host", settings["host"]]
        self.options = [word for option in settings["options"] for word in ("-o", option)]
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": "/root",
            "RESTIC_REPOSITORY": settings["repository"],
            "RESTIC_CACHE_DIR": "/var/cache/auditor-backup",
            "RESTIC_PASSWORD": secret["password"],
            **{str(name): str(value) for name, value in secret["environment"].items()},
        }

    def try_(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = ["restic", *self.options, *words]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, errors="replace", check=False)

    def __call__(self, *words: str) -> str:
        done = self.try_(*words)
        if done.returncode:
            raise Failed(f"restic {words[0]}: {complaint(done.stderr)}")
        return done.stdout


def complaint(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith(("fatal:", "error:")) or "denied" in line.lower()]
    return (telling or lines or ["no message"])[0][:300]


def prepare(restic: Restic, _settings: dict[str, Any]) -> str:
    if restic.try_("snapshots", "--json").returncode == 0:
        return "the place holds a repository that this host's password opens"
    done = restic.try_("init")
    if done.returncode:
        raise Failed(f"the place cannot be used: {complaint(done.stderr)}")
    return "a repository was made at the place"


def prove(restic: Restic, _settings: dict[str, Any]) -> str:
    """Take a snapshot away that was made for this. Only what is still listed afterwards cannot be taken away by an intruder."""
    OWN.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = "auditor-may-be-deleted"
    (OWN / "mark").write_text(secrets.token_hex(16), encoding="ascii")
    made = named(restic("backup", "--json", *restic.host, "--tag", mark, str(OWN / "mark")))
    restic.try_("forget", made)
    if not any(one["id"].startswith(made) for one in json.loads(restic("snapshots", "--json", *restic.host, "--tag", mark) or "[]")):
        raise Failed("whoever takes this host over could delete its backups: the place lets it. Use one that is append-only, or set backup_append_only to false")
    return "the place keeps what this host would delete"


def sources(settings: dict[str, Any]) -> list[str]:
    """What is there now of what shall be backed up; links are followed once, so that /var/spool/mail is not taken twice."""
    found = [os.path.realpath(path) for pattern in settings["paths"] for path in sorted(glob.glob(pattern))]
    return list(dict.fromkeys(path for path in found if os.path.exists(path)))


def manifest(paths: list[str]) -> dict[str, int]:
    """Messages of each mailbox, for whoever restores them: files of a Maildir, lines "From " of an mbox."""
    counts: dict[str, int] = {}
    for top in paths:
        if os.path.isfile(top):
            counts |= messages_of(top)
        for folder, below, files in os.walk(top):
            if {"cur", "new"} <= set(below):
                counts[folder] = sum(len(os.listdir(os.path.join(folder, part))) for part in ("cur", "new"))
            for name in files if top.startswith("/var/mail") else ():
                counts |= messages_of(os.path.join(folder, name))
    return counts


def messages_of(path: str) -> dict[str, int]:
    try:
        with open(path, "rb") as lines:
            return {path: sum(line.startswith(b"From ") for line in lines)}
    except OSError:
        return {}


def back_up(restic: Restic, settings: dict[str, Any]) -> str:
    OWN.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = secrets.token_hex(32)
    (OWN / "proof").write_text(token, encoding="ascii")
    packages = subprocess.run(["dpkg", "--get-selections"], capture_output=True, text=True, check=False).stdout
    (OWN / "packages").write_text(packages, encoding="utf-8")
    paths = sources(settings)
    (OWN / "manifest.json").write_text(json.dumps(manifest(paths), indent=1), encoding="utf-8")
    snapshot = saved(restic, settings, [*paths, str(OWN)])
    if restic("dump", snapshot, str(OWN / "proof")) != token:
        raise Failed("what comes back from the place is not what was sent there")
    month = time.gmtime().tm_yday % settings["read_back_days"] + 1
    restic("check", f"--read-data-subset={month}/{settings['read_back_days']}")
    keep = [word for span, number in settings["keep"].items() for word in (f"--keep-{span}", str(number))]
    if keep:
        restic("forget", *restic.host, "--tag", "auditor", "--group-by", "host", "--prune", *keep)
    stamp("backup-succeeded")
    return f"snapshot {snapshot[:8]} of {len(paths)} places, read back and checked"


def saved(restic: Restic, settings: dict[str, Any], paths: list[str]) -> str:
    """The new snapshot. A queue moves while it is read: files that were gone when their turn came are no fault."""
    with tempfile.TemporaryDirectory(prefix="auditor-backup-") as scratch:
        listed, excluded = Path(scratch, "paths"), Path(scratch, "exclude")
        listed.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8", errors="surrogateescape")
        excluded.write_text("".join(f"{path}\n" for path in settings["exclude"]), encoding="utf-8")
        words = ["backup", "--json", *restic.host, "--tag", "auditor", "--files-from-verbatim", str(listed), "--exclude-file", str(excluded)]
        for turn in range(TRIES):
            done = restic.try_(*words)
            if done.returncode not in (0, 3):
                raise Failed(f"restic backup: {complaint(done.stderr)}")
            missed = [line for line in done.stderr.splitlines() if line.strip() and not any(word in line for word in VANISHED)]
            if done.returncode == 0 or (not missed and turn):
                break
        else:
            raise Failed(f"some files could not be read: {complaint(chr(10).join(missed) or done.stderr)}")
    return named(done.stdout)


def named(told: str) -> str:
    """The snapshot that `restic backup --json` says it has made."""
    found = [json.loads(line)["snapshot_id"] for line in told.splitlines() if '"snapshot_id"' in line]
    if not found:
        raise Failed("restic named no snapshot")
    return str(found[-1])


def rehearse(restic: Restic, settings: dict[str, Any]) -> str:
    """Restore as much as there is room and patience for, smallest first, and compare it with what is here, byte by byte."""
    snapshots = json.loads(restic("snapshots", "--json", "--latest", "1", *restic.host, "--tag", "auditor") or "[]")
    if not snapshots:
        raise Failed("there is no backup to restore from")
    newest = max(snapshots, key=lambda one: one["time"])
    taken = (STATE / "backup-succeeded").stat().st_mtime if (STATE / "backup-succeeded").exists() else time.time()
    with tempfile.TemporaryDirectory(prefix="auditor-rehearsal-", dir=settings["scratch"]) as scratch:
        chosen = affordable(newest["paths"], min(settings["rehearsal_bytes"], shutil.disk_usage(scratch).free // 2))
        begun = time.monotonic()
        includes = [word for path in chosen for word in ("--include", path)]
        done = restic.try_("restore", newest["id"], "--target", scratch, *includes)
        seconds = time.monotonic() - begun
        same, moved, bad, size = compared(Path(scratch), newest_change=taken)
        missing = [path for path in files_of(restic, newest["id"], chosen) if not os.path.lexists(scratch + path)]
        if done.returncode and not same:
            raise Failed(f"restic restore: {complaint(done.stderr)}")
    if missing:
        raise Failed(f"{len(missing)} files did not come back, one of them {missing[0]}: {complaint(done.stderr)}")
    if bad or not same:
        raise Failed(f"{bad[0]} came back with other bytes" if bad else "nothing came back that could be compared")
    record = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "snapshot": newest["id"][:8],
        "restored": chosen,
        "left out": [path for path in newest["paths"] if path not in chosen],
        "files equal": same,
        "files changed since": moved,
        "bytes": size,
        "seconds": round(seconds, 1),
    }
    (OWN / "rehearsal.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    stamp("restore-rehearsed")
    return f"{same} files came back equal, {moved} have changed since, {size / 1e6 / max(seconds, 0.1):.1f} MB/s"


def files_of(restic: Restic, snapshot: str, places: list[str]) -> list[str]:
    """Files that a snapshot holds below these places. Of a name that is no UTF-8, restic tells another."""
    nodes = (json.loads(line) for line in restic("ls", "--json", snapshot).splitlines())
    paths = [node["path"] for node in nodes if node.get("type") == "file" and "\ufffd" not in node["path"]]
    return [path for path in paths if any(path == top or path.startswith(f"{top.rstrip('/')}/") for top in places)]


def affordable(paths: list[str], room: int) -> list[str]:
    sizes = sorted((size_of(path), path) for path in paths)
    chosen, used = [], 0
    for size, path in sizes:
        if used + size <= room:
            chosen, used = [*chosen, path], used + size
    if not chosen:
        raise Failed("there is no room for a restore; raise backup_rehearsal_bytes or name another backup_scratch")
    return chosen


def size_of(path: str) -> int:
    done = subprocess.run(["du", "-sxb", "--", path], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0]) if done.stdout[:1].isdigit() else 0


def compared(root: Path, *, newest_change: float) -> tuple[int, int, list[str], int]:
    """Equal files, files that were changed or taken away here since, files that should be equal and are not, bytes."""
    same = moved = size = 0
    bad = []
    for folder, _, files in os.walk(root):
        for name in files:
            copy = Path(folder, name)
            if copy.is_symlink() or not copy.is_file():
                continue
            size += copy.stat().st_size
            original = Path("/", copy.relative_to(root))
            try:
                before = original.stat()
                equal = before.st_size == copy.stat().st_size and filecmp.cmp(original, copy, shallow=False)
            except OSError:
                moved += 1
                continue
            untouched = before.st_mtime == copy.stat().st_mtime and before.st_ctime < newest_change
            same, moved = same + equal, moved + (not equal and not untouched)
            bad += [str(original)] if untouched and not equal else []
    return same, moved, bad, size


def counted(restic: Restic, directory: str, paths: list[str]) -> str:
    """Every mailbox of the last backup at or below one of `paths`, with its messages below `directory` and in the manifest of the backup."""
    told = json.loads(restic("dump", "latest", *restic.host, "--tag", "auditor", str(OWN / "manifest.json")))
    tops = [path.rstrip("/") for path in paths] or [""]
    wanted = {box: number for box, number in sorted(told.items()) if any(box == top or box.startswith(f"{top}/") for top in tops)}
    if not wanted:
        raise Failed("the manifest of the last backup has no mailbox there")
    found = {box: manifest([below]).get(below, 0) for box in wanted for below in [directory.rstrip("/") + box]}
    lines = [f"{box}: {found[box]} of {number} messages" for box, number in wanted.items()]
    short = [line for box, line in zip(wanted, lines, strict=True) if found[box] < wanted[box]]
    if short:
        raise Failed("; ".join(short))
    return "\n".join(lines)


def stamp(name: str) -> None:
    STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    (STATE / name).touch()
    os.utime(STATE / name)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One of us at a time; another one is waited for."""
    with open("/run/auditor-backup.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


DEEDS = {"prepare": prepare, "prove": prove, "run": back_up, "rehearse": rehearse}


def main(words: list[str]) -> str:
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    restic = Restic(settings)
    match words:
        case [deed] if deed in DEEDS:
            with alone():
                return DEEDS[deed](restic, settings)
        case ["restore", directory, *paths]:
            includes = [word for path in paths for word in ("--include", path)]
            return restic("restore", "latest", *restic.host, "--tag", "auditor", "--target", directory, *includes)
        case ["compare", directory, *paths]:
            return counted(restic, directory, paths)
        case ["restic", *rest] if rest:
            return restic(*rest)
        case _:
            raise Failed((__doc__ or "").partition("\n\n")[2].rstrip())


if __name__ == "__main__":
    os.umask(0o077)
    try:
        print(main(sys.argv[1:]))
    except (Failed, OSError, ValueError, KeyError) as error:
        sys.exit(f"auditor-backup: {error}")
