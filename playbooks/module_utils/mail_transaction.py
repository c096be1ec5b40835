"""A change of a mail host that either holds or did not happen.

The whole of it (keep a copy, install, apply, look whether mail still flows, go back if not) runs in one process on
the host, deaf to a hang-up. A play's block and rescue cannot give that: when the connection breaks, nobody is left
to rescue. An interrupted transaction (power, kill -9) leaves its record, and the next one undoes it first.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import json
import os
import pwd
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.mail_dialogue import BUSY, busy, excused, observe, shut_door
from ansible.module_utils.mail_listeners import outsider

STORE = Path("/var/backups/auditor")
PENDING = STORE / "pending.json"
SETTLE_SECONDS = 25.0
LIMITED_SECONDS = 140.0  # stock Sendmail takes ten connections a minute from one address, and counts the refused ones
PAUSE_SECONDS = 25.0  # so that asking again does not keep the limit reached
SEEN = STORE / "seen.json"
SEEN_SECONDS = 60.0

FRAME_SPEC: dict[str, Any] = {
    "frame": {
        "type": "dict",
        "required": True,
        "options": {
            "run": {"type": "str", "required": True},
            "units": {"type": "list", "elements": "str", "default": []},
            "recipients": {"type": "list", "elements": "str", "default": []},
        },
    },
}


class Broken(Exception):
    """A step of the transaction did not work; the text says which."""


@dataclass
class Wanted:
    """The state a file shall have; content None means absent."""

    content: bytes | None
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    secret: bool = False
    derived: bool = False  # made from another file of the change, so its diff says nothing new


def run(argv: list[str], *, stdin: str = "", timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    """One command without a shell, in the C locale; a missing program is an answer, not an exception."""
    try:
        return subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(argv, 127, "", str(error))


def last_line(text: str) -> str:
    """The line of a program's complaint that says most: its last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"


def _current(path: Path) -> Wanted:
    if not path.exists():
        return Wanted(content=None)
    info = path.stat()
    return Wanted(path.read_bytes(), stat.S_IMODE(info.st_mode), str(info.st_uid), str(info.st_gid))


def _text(file: Wanted) -> str | None:
    return None if file.content is None else file.content.decode("utf-8", "surrogateescape")


def _number(name: str | None, lookup: Callable[[str], int]) -> int:
    if name is None:
        return -1
    return int(name) if name.isdigit() else lookup(name)


def _fresh(path: Path) -> Path:
    """Where the new content of a file waits for its turn."""
    return path.with_name(f".{path.name}.auditor")


def _was(path: Path) -> Path:
    """A second name of the old file while a change is under way. Programs that read whole directories pass over a name like this."""
    return path.with_name(f".{path.name}.auditor~")


def _write(path: Path, wanted: Wanted) -> None:
    """The whole of the new file beside the old one, so that a full disk is met before anything has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _fresh(path)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(wanted.content or b"")
            handle.flush()
            os.fsync(handle.fileno())
        owner = _number(wanted.owner, lambda name: pwd.getpwnam(name).pw_uid)
        group = _number(wanted.group, lambda name: grp.getgrnam(name).gr_gid)
        os.chown(fresh, owner, group)
        os.chmod(fresh, 0o644 if wanted.mode is None else wanted.mode)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _install(path: Path, wanted: Wanted) -> None:
    """Put a file in place in one step: readers see the old file or the new one, never half of it."""
    if wanted.content is None:
        path.unlink(missing_ok=True)
        return
    _write(path, wanted)
    os.replace(_fresh(path), path)


def _clear(paths: Iterable[Path]) -> None:
    for path in paths:
        for name in (_fresh(path), _was(path)):
            name.unlink(missing_ok=True)


def _ready(changes: dict[Path, Wanted], before: dict[Path, Wanted]) -> None:
    """Everything that needs room on the disk: the new files, and a second name for each old one."""
    for path, wanted in changes.items():
        if wanted.content is not None:
            _write(path, wanted)
        if before[path].content is not None:
            _was(path).unlink(missing_ok=True)
            os.link(path, _was(path))


def _return(path: Path, copy: Wanted) -> None:
    """The old file under its own name again, by a rename, which works on a full disk too."""
    if copy.content is None:
        path.unlink(missing_ok=True)
    elif _was(path).exists():
        os.replace(_was(path), path)
        _was(path).unlink(missing_ok=True)  # rename(2) leaves both names where they are one file already
    else:
        _install(path, copy)


@dataclass
class Transaction:
    """Collects what shall be, then makes it so or leaves everything as it was."""

    module: Any
    what: str
    files: dict[Path, Wanted] = field(default_factory=dict)
    before: dict[Path, Wanted] = field(default_factory=dict)
    checks: list[Callable[[], str | None]] = field(default_factory=list)
    trial: list[list[str]] = field(default_factory=list)  # must succeed with the files in place, before anything is applied
    apply: list[list[str]] = field(default_factory=list)
    prove: list[Callable[[], str | None]] = field(default_factory=list)
    accepts: list[str] = field(default_factory=list)  # what port 25 must accept afterwards, where it listens at all
    forgo: list[str] = field(default_factory=list)
    opens: list[int] = field(default_factory=list)  # ports at which users must be able to log in afterwards
    state: list[str] = field(default_factory=list)
    undo: list[list[str]] = field(default_factory=list)
    mail: bool = True  # may the change touch the mail service?
    applied: bool = False  # has a program been told of the new files?

    @property
    def frame(self) -> dict[str, Any]:
        return dict(self.module.params["frame"])

    def put(self, path: str, content: bytes | str | None, **attributes: Any) -> None:
        """Ask for a file. Owner and mode of an existing file stay unless they are named."""
        real = Path(os.path.realpath(path))
        data = content.encode() if isinstance(content, str) else content
        now = self.before.setdefault(real, _current(real))
        wanted = Wanted(data, **attributes)
        if now.content is not None and data is not None:
            wanted.mode = now.mode if wanted.mode is None else wanted.mode
            wanted.owner = wanted.owner or now.owner
            wanted.group = wanted.group or now.group
        self.files[real] = wanted

    def content(self, path: str) -> str:
        """The text of a file as it shall be so far, '' when it does not exist."""
        real = Path(os.path.realpath(path))
        wanted = self.files.get(real) or self.before.setdefault(real, _current(real))
        return (wanted.content or b"").decode("utf-8", "surrogateescape")

    def text(self, path: str) -> str | None:
        """The same, but None when it shall not exist."""
        wanted = self.files.get(Path(os.path.realpath(path)))
        return self.text_before(path) if wanted is None else _text(wanted)

    def text_before(self, path: str) -> str | None:
        """The text of a file as it is, None when it does not exist."""
        real = Path(os.path.realpath(path))
        return _text(self.before.setdefault(real, _current(real)))

    def differing(self) -> dict[Path, Wanted]:
        return {path: wanted for path, wanted in self.files.items() if self._differs(path, wanted)}

    def _differs(self, path: Path, wanted: Wanted) -> bool:
        now = self.before[path]
        if wanted.content != now.content:
            return True
        if wanted.content is None:
            return False
        uid = _number(wanted.owner, lambda name: pwd.getpwnam(name).pw_uid)
        gid = _number(wanted.group, lambda name: grp.getgrnam(name).gr_gid)
        return (
            (wanted.mode is not None and wanted.mode != now.mode)
            or (uid >= 0 and str(uid) != now.owner)
            or (gid >= 0 and str(gid) != now.group)
        )

    def diff(self) -> list[dict[str, str]]:
        shown = []
        for path, wanted in sorted(self.differing().items()):
            if wanted.derived:
                continue
            texts = [
                "(content not shown)\n" if wanted.secret and one.content else (one.content or b"").decode("utf-8", "backslashreplace")
                for one in (self.before[path], wanted)
            ]
            shown.append({"before_header": str(path), "after_header": str(path), "before": texts[0], "after": texts[1]})
        shown += [{"before": "", "after": f"{line}\n", "before_header": "state", "after_header": "state"} for line in self.state]
        return shown

    def commit(self, **result: Any) -> None:
        """End the module: unchanged, shown (check mode), done, or undone and failed with one sentence."""
        changes = self.differing()
        if not changes and not self.state:
            self.module.exit_json(changed=False, **result)
        for check in self.checks:
            if complaint := check():
                self.module.fail_json(msg=f"{self.what}: not done, nothing was changed: {complaint}")
        unreached = self._unreached()
        if self.module.check_mode:
            if unreached:
                self.module.warn(f"{self.what}: {unreached}")
            self.module.exit_json(changed=True, diff=self.diff(), **result)
        if unreached:
            self.module.fail_json(msg=f"{self.what}: not done, nothing was changed: {unreached}")
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        try:
            STORE.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (STORE / "lock").open("w", encoding="ascii")
        except OSError as error:
            self.module.fail_json(msg=f"{self.what}: not done, nothing was changed: no backup could be written ({error})")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._hold(changes)
        self.module.exit_json(changed=True, diff=self.diff(), backup=str(self._store()), **result)

    def _unreached(self) -> str | None:
        """Why what this change says to the unit would not reach the daemon that serves the world.

        `systemctl try-restart` of a unit that owns nothing succeeds and does nothing. The programs' own means
        (`postfix reload`, `smtpctl`) find the daemon wherever it was started.
        """
        units = self.frame["units"]
        spoken = {word for argv in self.apply if argv[:1] == ["systemctl"] for word in argv[2:]}
        if not spoken & set(units) or not outsider(units):
            return None
        return f"port 25 is served by a process outside of {units[0]}; run the playbook supervision first"

    def _hold(self, changes: dict[Path, Wanted]) -> None:
        if moved := [path for path in changes if _current(path).content != self.before[path].content]:
            self.module.fail_json(msg=f"{self.what}: not done, nothing was changed: somebody else has changed {moved[0]} meanwhile")
        flowing = self.flowing()
        try:
            _ready(changes, self.before)
            self._keep(changes)
        except (OSError, KeyError) as error:
            _clear(changes)
            self.module.fail_json(msg=f"{self.what}: not done, nothing was changed: it could not be written with a backup ({error})")
        try:
            for path, wanted in changes.items():
                path.unlink(missing_ok=True) if wanted.content is None else os.replace(_fresh(path), path)
            self._apply()
            self._still(flowing)
            if unreached := self._unreached():
                raise Broken(unreached)
        except (Broken, OSError) as error:
            self.module.fail_json(msg=f"{self.what}: undone, {self._back(changes, flowing)}: {error}", backup=str(self._store()))
        _clear(changes)
        PENDING.unlink(missing_ok=True)

    def flowing(self) -> dict[str, bool]:
        """What is true of the mail service now, asked again while it only says that it is busy."""
        frame = self.frame
        if not self.mail:
            return {}
        if known := self._seen_by_the_last_task():
            return known
        deadline = time.monotonic() + LIMITED_SECONDS
        while busy(seen := observe(frame["units"], frame["recipients"])) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        return seen

    def _seen_by_the_last_task(self) -> dict[str, bool]:
        """What the task before this one proved at its end: asking again would use up a rate limit."""
        try:
            last = json.loads(SEEN.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        fresh = 0 <= time.monotonic() - last["at"] < SEEN_SECONDS
        return dict(last["seen"]) if fresh and last["frame"] == self.frame else {}

    def _remember(self, seen: dict[str, bool]) -> None:
        own = tuple(f"accepts mail for {address}" for address in self.accepts if address not in self.frame["recipients"])
        kept = {line: true for line, true in seen.items() if not line.endswith(own)}
        note = {"at": time.monotonic(), "frame": self.frame, "seen": kept}
        with contextlib.suppress(OSError):  # it only saves the next task a look
            _install(SEEN, Wanted(json.dumps(note).encode(), 0o600))

    def _apply(self) -> None:
        for argv in [*self.trial, *self.apply]:
            self.applied = self.applied or argv in self.apply
            done = run(argv)
            if done.returncode:
                raise Broken(f"`{shlex.join(argv)}` failed: {last_line(done.stderr or done.stdout)}")

    def _still(self, flowing: dict[str, bool]) -> None:
        """Whatever was true of the mail service before must be true again, within SETTLE_SECONDS."""
        begun = time.monotonic()
        needed = [line for line, true in flowing.items() if true and not any(word in line for word in [*self.forgo, BUSY])]
        while True:
            now = observe(self.frame["units"], [*self.frame["recipients"], *self.accepts]) if self.mail else {}
            lost = [line for line in needed if not now.get(line) and not excused(line, now)]
            lost += [f"port 25 accepts mail for {address}" for address in self.accepts if self.mail and not _accepted(now, address)]
            lost += [complaint for prove in self.prove if (complaint := prove())]
            lost += [complaint for port in self.opens if not lost and (complaint := shut_door(port))]
            if not lost:
                if self.mail:
                    self._remember(now)
                return
            if time.monotonic() - begun > (LIMITED_SECONDS if busy(now) else SETTLE_SECONDS):
                raise Broken("no longer true: " + "; ".join(lost[:3]))
            time.sleep(PAUSE_SECONDS if busy(now) else 0.5)

    def _back(self, changes: dict[Path, Wanted], flowing: dict[str, bool]) -> str:
        """Files, then the service. A daemon that died of the change cannot be told to reload, so it is started."""
        try:
            for path in changes:
                _return(path, self.before[path])
            _clear(changes)
        except OSError as error:
            return f"but not wholly, run {self._store()}/restore or this playbook again ({error})"
        told = self.apply if self.applied else []  # nothing is restarted for files that no program has read
        failed = [argv for argv in [*self.undo, *told] if run(argv).returncode]
        PENDING.unlink(missing_ok=True)
        lost = self._lost(flowing)
        if lost and self._dead(flowing):
            for unit in self.frame["units"]:
                run(["systemctl", "reset-failed", unit])
                run(["systemctl", "restart", unit])
            failed = []
        deadline = time.monotonic() + SETTLE_SECONDS
        while lost and time.monotonic() < deadline:
            time.sleep(0.5)
            lost = self._lost(flowing)
        if failed:
            return f"files are as they were but `{shlex.join(failed[0])}` still fails"
        return f"files are as they were, but this is not true again: {lost[0]}" if lost else "everything is as it was"

    def _lost(self, flowing: dict[str, bool]) -> list[str]:
        now = observe(self.frame["units"], self.frame["recipients"]) if flowing else {}
        return [] if busy(now) else [line for line, true in flowing.items() if true and not now.get(line)]

    def _dead(self, flowing: dict[str, bool]) -> bool:
        """Did a unit that had a process lose it, or port 25 its listener?"""
        alive = ("has a process", "something listens on port 25")
        return any(line.endswith(alive) for line in self._lost(flowing))

    def _store(self) -> Path:
        return STORE / str(self.frame["run"])

    def _keep(self, changes: dict[Path, Wanted]) -> None:
        store = self._store()
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = store / "manifest.json"
        manifest = json.loads(record.read_text()) if record.exists() else {"files": {}, "apply": []}
        for path in changes:
            if str(path) not in manifest["files"]:
                now = self.before[path]
                manifest["files"][str(path)] = now.content is not None
                if now.content is not None:
                    _install(store / "files" / str(path).lstrip("/"), now)
        manifest["apply"] += [argv for argv in self.apply if argv not in manifest["apply"]]
        _install(record, Wanted(json.dumps(manifest, indent=1).encode(), 0o600))
        _install(store / "restore", Wanted(_restore_script(store, manifest).encode(), 0o700))
        pending = {"run": self.frame["run"], "files": [str(path) for path in changes], "apply": self.apply}
        pending["store"] = str(store)
        pending["was"] = {str(path): self._pending_copy(path) for path in changes}
        _install(PENDING, Wanted(json.dumps(pending).encode(), 0o600))

    def _pending_copy(self, path: Path) -> str | None:
        now = self.before[path]
        if now.content is None:
            return None
        copy = STORE / "pending" / str(path).lstrip("/")
        _install(copy, now)
        return str(copy)


def _accepted(seen: dict[str, bool], address: str) -> bool:
    line = f"accepts mail for {address}"
    return not seen.get("something listens on port 25") or any(true for key, true in seen.items() if key.endswith(line))


def _restore_script(store: Path, manifest: dict[str, Any]) -> str:
    lines = ["#!/bin/sh", f"# puts back every file that run {store.name} changed, then applies it", "set -e"]
    for path, existed in manifest["files"].items():
        copy = store / "files" / path.lstrip("/")
        lines.append(f"cp -a -- {shlex.quote(str(copy))} {shlex.quote(path)}" if existed else f"rm -f -- {shlex.quote(path)}")
    lines += [shlex.join(argv) for argv in manifest["apply"]]
    return "\n".join(lines) + "\n"


def forget(module: Any) -> None:
    """A playbook begins with a look of its own, whatever the one before it has seen."""
    if not module.check_mode:
        SEEN.unlink(missing_ok=True)


def finish_interrupted(module: Any) -> str | None:
    """Undo a transaction that a crash cut in two; say what was done, or None when there was none."""
    if module.check_mode or not PENDING.exists():
        return None
    STORE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (STORE / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not PENDING.exists():
            return None  # it was running, not interrupted, and has ended meanwhile
        pending = json.loads(PENDING.read_text())
        for path, copy in pending["was"].items():
            _return(Path(path), _current(Path(copy)) if copy else Wanted(None))
        _clear(Path(path) for path in pending["was"])
        for argv in pending["apply"]:
            run(argv)
        PENDING.unlink()
    return f"run {pending['run']} had been interrupted; {len(pending['was'])} file(s) were put back first"
