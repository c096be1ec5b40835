"""Many commands as one POSIX sh program, and its framed output taken apart again.

Each command runs under its own time limit with its own size limit; one that hangs, is missing or
needs a privilege costs only itself. Nothing is written on the far side, not even a temporary file:
standard output and standard error keep to their own channels, marked with the same frames.
"""

import re
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from auditor.inside.command import Command, Output
from auditor.model import Reason
from auditor.net import ShellResult

STDERR_LIMIT = 16384
TIMED_OUT = {124, 137}
"""coreutils timeout(1): 124, and 137 where the command had to be killed."""

_END = re.compile(r" (\d{1,3}|privilege|unsupported) (\d{1,12}(?:\.\d{1,9})?) (\d{1,12}(?:\.\d{1,9})?)")
"""What follows "end" in a frame: exit code or why there is none, uptime before and after."""
_NOT_RUN = {"privilege": Reason.PRIVILEGE, "unsupported": Reason.UNSUPPORTED}

_PRELUDE = """\
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
uid=$(id -u)
able=1; command -v timeout >/dev/null && command -v head >/dev/null || able=0
exec 3>&1 5>&2
run() {
  id=$1 root=$2 seconds=$3 limit=$4; shift 4
  read -r start _ </proc/uptime || start=0
  printf '\\n%s %s begin\\n' "$token" "$id"; printf '\\n%s %s begin\\n' "$token" "$id" >&2
  if [ "$root" = 1 ] && [ "$uid" != 0 ]; then status=privilege
  elif [ $able = 0 ]; then status=unsupported
  else
    status=$( { { { timeout -k 1 "$seconds" "$@"; echo $? >&4; } 2>&1 1>&6 | head -c 16384 >&5; } 6>&1 \\
      | head -c "$limit" >&3; } 4>&1 )
  fi
  read -r stop _ </proc/uptime || stop=0
  printf '\\n%s %s end %s %s %s\\n' "$token" "$id" "$status" "$start" "$stop"
  printf '\\n%s %s end\\n' "$token" "$id" >&2
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Text for `sh -s`, and what is needed to read its output."""

    text: str
    token: str
    """Random, and unknown to the far side beforehand, so that no file or log line can forge a frame."""
    commands: tuple[Command, ...]
    timeout: float
    """Seconds; the sum of what the commands may take, for none runs beside another."""


def build(commands: tuple[Command, ...], *, label: str) -> Program:
    """Write the program. `label` is the scan's own random hex, for the argv of late commands."""
    token = secrets.token_hex(16)
    lines = [f"token={token}", _PRELUDE]
    for command in commands:
        argv = " ".join(shlex.quote(word.replace("{label}", label)) for word in command.argv)
        # One byte more than the limit comes over, so that cutting is noticed.
        call = (
            f"run {shlex.quote(command.id)} {int(command.root)} {command.timeout} {command.limit + 1} {argv}"
        )
        if command.stdin:
            end = f"end-{token}"
            lines.append(f"{call} <<'{end}'\n{command.stdin.rstrip()}\n{end}")
        else:
            lines.append(f"{call} </dev/null")
    return Program(
        text="\n".join(lines) + "\n",
        token=token,
        commands=commands,
        timeout=10.0 + sum(command.timeout + 1 for command in commands),
    )


def _section(stream: bytes, token: str, command: str) -> tuple[bytes, bytes] | None:
    """Body and end line of one frame; None when the stream was cut before its end."""
    _, found, rest = stream.partition(f"\n{token} {command} begin\n".encode())
    body, ended, rest = rest.partition(f"\n{token} {command} end".encode())
    return (body, rest.partition(b"\n")[0]) if found and ended else None


def parse(program: Program, result: ShellResult) -> Mapping[str, Output]:
    """Take the frames apart. A command whose frame is missing or cut is TRUNCATED, not absent."""
    return {command.id: _output(program, command, result) for command in program.commands}


def _output(program: Program, command: Command, result: ShellResult) -> Output:
    section = _section(result.stdout, program.token, command.id)
    if section is None:
        return Output(command=command.id, exit_code=-1, problem=Reason.TRUNCATED)
    body, end = section
    stderr, _ = _section(result.stderr, program.token, command.id) or (b"", b"")
    ended = _END.fullmatch(end.decode("ascii", errors="replace"))
    if ended is None:  # the shell itself was cut down, or the far side plays its own game
        return Output(command=command.id, exit_code=-1, problem=Reason.MALFORMED)
    status, start, stop = ended.groups()
    if status in _NOT_RUN:
        return Output(command=command.id, exit_code=-1, problem=_NOT_RUN[status])
    code, seconds = int(status), round(float(stop) - float(start), 2)
    problem = None
    if code in TIMED_OUT:
        problem = Reason.TIMEOUT
    elif len(body) > command.limit:
        problem, body = Reason.TRUNCATED, body[: command.limit]
    return Output(
        command=command.id,
        exit_code=code,
        stdout=body,
        stderr=stderr[:STDERR_LIMIT],
        seconds=seconds,
        problem=problem,
    )
