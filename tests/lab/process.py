"""The processes of a laboratory, held together by a cgroup so that they can all be ended, and nobody else's."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_V2: Final = next(
    (p for p in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")) if (p / "cgroup.procs").exists()),
    Path("/sys/fs/cgroup"),
)
TOP: Final = _V2 / "auditor-lab"


def cgroup(lab: str, name: str = "") -> Path:
    """The cgroup of a laboratory, or of one of its hosts."""
    return TOP / lab / name


def spawn(group: Path, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start `command` inside `group` in a session of its own, its output appended to `log`."""
    group.mkdir(parents=True, exist_ok=True)
    script = f'echo $$ > "{group}/cgroup.procs" && exec "$@"'
    with log.open("ab") as out:
        return subprocess.Popen(
            ["sh", "-c", script, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )


def only_child(runner: subprocess.Popen[bytes]) -> int:
    """The process id of what ``unshare --fork`` started, 0 as long as there is none."""
    try:
        children = Path(f"/proc/{runner.pid}/task/{runner.pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(children[0]) if children else 0


def end(group: Path, *, seconds: float = 10) -> None:
    """Kill everything in `group` and below, and remove it."""
    if (group / "cgroup.kill").exists():
        (group / "cgroup.kill").write_text("1", encoding="ascii")
    remove(group, seconds=seconds)


def remove(group: Path, *, seconds: float = 5) -> None:
    """Remove an empty cgroup tree, deepest first; processes that are just ending are waited for."""
    deadline = time.monotonic() + seconds
    while group.is_dir():
        below = sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True)
        gone = [_rmdir(folder) for folder in [*below, group]]
        if gone[-1] or time.monotonic() > deadline:
            return
        time.sleep(0.02)


def end_in_namespace(namespace: str) -> None:
    """Kill what still runs in a network namespace of ours, but not ourselves."""
    done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    for pid in {int(word) for word in done.stdout.split()} - {os.getpid()}:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _rmdir(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
