"""Run ansible-playbook for one step, and read what it says: what changed, what it refused, what it tells a person."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from auditor.runbook.world import Played

_MOST_OUTPUT: Final = 400_000
_GOES_ON: Final = 5.0
"""Seconds that a playbook which is told to end has for it."""
_STRING: Final = r'("(?:[^"\\]|\\.)*")'
_RECAP: Final = re.compile(
    r"^\S+\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE
)
_REFUSAL: Final = re.compile(rf'^fatal: .*"msg": (?="Refused: ){_STRING}', re.MULTILINE)
_SAID: Final = re.compile(rf'^ok: \[[^\]\n]*\] => {{\s*"msg": {_STRING}\s*}}', re.MULTILINE)


def play(path: Path, words: Sequence[str], seconds: float) -> Played:
    """Run the playbook with these further words; it has so many seconds."""
    beside = Path(sys.executable).parent
    program = beside / "ansible-playbook"
    argv = [str(program if program.exists() else "ansible-playbook"), *words, "--diff", str(path.resolve())]
    environment = {
        **os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join((str(beside), os.environ.get("PATH", os.defpath))),
    }  # fmt: skip
    if (path.parent / "ansible.cfg").is_file():
        environment["ANSIBLE_CONFIG"] = str((path.parent / "ansible.cfg").resolve())
    try:
        code, output = ended(argv, environment, path.parent, seconds)
    except OSError as error:
        return Played(good=False, changed=0, output=f"ansible-playbook could not be started: {error}")
    text = output[-_MOST_OUTPUT:].decode("utf-8", "backslashreplace")
    if code is None:
        told = f"ansible-playbook was stopped after {seconds:.0f} s: what it did is not known"
        return Played(good=False, changed=0, output=f"{text}\n{told}", ended=False)
    return read(text, code)


def ended(
    argv: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: float
) -> tuple[int | None, bytes]:
    """(exit code, everything that was printed); the code is None when its time was over.

    Then, as when somebody presses Ctrl-C here, the program ends with all that it started. Raises OSError.
    """
    program = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(environment), cwd=folder,
        process_group=0,
    )  # fmt: skip
    with program, ExitStack() as unless_ended:
        unless_ended.callback(_stopped, program)
        try:
            output, _ = program.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            unless_ended.pop_all()
            return None, _stopped(program)
        unless_ended.pop_all()
        return program.returncode, output


def _stopped(program: subprocess.Popen[bytes]) -> bytes:
    """End a program with its whole group; what it had printed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(program.pid, number)
        with suppress(subprocess.TimeoutExpired):
            return program.communicate(timeout=_GOES_ON)[0]
    return b""


def read(output: str, code: int) -> Played:
    """What an ended run says of itself."""
    recaps = [[int(number) for number in found] for found in _RECAP.findall(output)]
    # No recap means that no host was matched: that nothing was done is no success.
    good = code == 0 and bool(recaps)
    refusal = _REFUSAL.search(output) if not good else None
    return Played(
        good=good,
        changed=sum(changed for changed, _unreachable, _failed in recaps),
        output=output,
        refused=json.loads(refusal[1]) if refusal else "",
        said=tuple(json.loads(said) for said in _SAID.findall(output)),
        ended=not any(unreachable for _changed, unreachable, _failed in recaps),
    )
