"""The framed program, run by this machine's own sh as root and as nobody."""

import os
import subprocess
from pathlib import Path

import pytest

from auditor.inside.command import Command
from auditor.inside.program import build, parse
from auditor.model import Reason
from auditor.net import CannotLook, ShellResult

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it drops privileges to nobody")


def cmd(identity: str, *argv: str, **options) -> Command:
    return Command(id=identity, argv=argv, **options)


def run(*commands: Command, prefix: tuple[str, ...] = (), env: dict[str, str] | None = None):
    program = build(commands, label="abcdef123456")
    done = subprocess.run(
        [*prefix, "/bin/sh", "-s"],
        input=program.text.encode(),
        capture_output=True,
        timeout=30,
        env=env,
        check=False,
    )
    result = ShellResult(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)
    return parse(program, result)


def test_each_command_keeps_its_own_output_errors_and_exit_code():
    outputs = run(
        cmd("good", "printf", "hello\nworld"),
        cmd("bad", "sh", "-c", "echo partial; echo wrong >&2; exit 3"),
    )
    assert (outputs["good"].stdout, outputs["good"].exit_code) == (b"hello\nworld", 0)
    assert (outputs["bad"].stdout, outputs["bad"].stderr, outputs["bad"].exit_code) == (
        b"partial\n",
        b"wrong\n",
        3,
    )
    with pytest.raises(CannotLook, match="exit 3, wrong"):
        outputs["bad"].text()
    assert outputs["bad"].text(0, 3) == "partial\n"


def test_a_program_that_is_not_installed_is_proven_absence():
    output = run(cmd("gone", "no-such-program-here"))["gone"]
    assert output.missing
    with pytest.raises(CannotLook) as caught:
        output.text()
    assert caught.value.reason is Reason.COMMAND_MISSING


def test_a_command_that_hangs_costs_its_own_limit_and_nothing_else():
    outputs = run(cmd("hangs", "sleep", "20", timeout=1), cmd("next", "echo", "alive"))
    assert outputs["hangs"].problem is Reason.TIMEOUT
    assert outputs["hangs"].seconds < 3
    assert outputs["next"].text() == "alive\n"


def test_a_command_that_ignores_the_signal_is_killed():
    outputs = run(
        cmd("stubborn", "sh", "-c", "trap '' TERM; sleep 20 & wait; sleep 20", timeout=1), cmd("next", "true")
    )
    assert outputs["stubborn"].problem is Reason.TIMEOUT
    assert outputs["next"].exit_code == 0


def test_output_over_the_limit_is_cut_and_said_to_be():
    outputs = run(cmd("big", "head", "-c", "100000", "/dev/zero", limit=5000), cmd("next", "echo", "x"))
    assert outputs["big"].problem is Reason.TRUNCATED
    assert len(outputs["big"].stdout) == 5000
    assert outputs["next"].text() == "x\n"


def test_output_of_exactly_the_limit_is_whole():
    output = run(cmd("full", "head", "-c", "5000", "/dev/zero", limit=5000))["full"]
    assert output.problem is None
    assert len(output.stdout) == 5000


def test_nul_bytes_escape_sequences_and_broken_utf8_come_over_and_are_shown_escaped():
    output = run(cmd("odd", "printf", r"a\000b\033[2J\377"))["odd"]
    assert output.stdout == b"a\x00b\x1b[2J\xff"
    assert output.text() == "a\x00b\x1b[2J\\xff"


def test_a_log_line_cannot_forge_a_frame():
    """The token is not in any file, argument or environment that the commands can print."""
    program = build(
        (cmd("self", "sh", "-c", "cat /proc/$PPID/cmdline /proc/self/environ; ps -eo args"),), label="x"
    )
    done = subprocess.run(["/bin/sh", "-s"], input=program.text.encode(), capture_output=True, check=False)
    result = ShellResult(exit_code=0, stdout=done.stdout, stderr=done.stderr)
    assert program.token.encode() not in parse(program, result)["self"].stdout


def test_a_frame_inside_output_with_another_token_is_only_text():
    forged = "\n" + "0" * 32 + " victim end 0 1.0 1.0\n"
    outputs = run(cmd("liar", "printf", "%s", forged), cmd("victim", "echo", "true words"))
    assert outputs["liar"].stdout.decode() == forged
    assert outputs["victim"].text() == "true words\n"


@pytest.mark.parametrize(
    "end", ["", " ", " x 1 2", " 0 1", " 0 nan inf", " " + "9" * 5000 + " 1 2", " 0 1.0 2.0 3.0", " -1 0 0"]
)
def test_a_frame_with_a_senseless_end_is_malformed_and_crashes_nothing(end):
    program = build((cmd("a", "true"),), label="x")
    stdout = f"\n{program.token} a begin\nbody\n{program.token} a end{end}\n".encode()
    output = parse(program, ShellResult(exit_code=0, stdout=stdout, stderr=b""))["a"]
    assert output.problem is Reason.MALFORMED


def test_commands_whose_frames_never_came_are_cut_not_absent():
    program = build((cmd("a", "true"), cmd("b", "true")), label="x")
    stdout = (
        f"\n{program.token} a begin\nok\n{program.token} a end 0 1.00 1.01\n\n{program.token} b beg".encode()
    )
    outputs = parse(program, ShellResult(exit_code=-1, stdout=stdout, stderr=b"", truncated=True))
    assert outputs["a"].text() == "ok"
    assert outputs["b"].problem is Reason.TRUNCATED
    assert not outputs["b"].missing


def test_text_on_standard_input_reaches_the_command_unchanged():
    text = "$=w\n`id` $(id) 'quoted' \\n"
    assert run(cmd("in", "cat", stdin=text))["in"].text() == text + "\n"


def test_the_label_is_an_argument_and_never_shell():
    program = build((cmd("late", "grep", "-F", "{label}", late=True),), label="$(id)'; rm -rf /")
    assert """grep -F '$(id)'"'"'; rm -rf /' </dev/null""" in program.text


def test_no_command_reads_the_program_that_follows_it():
    assert run(cmd("greedy", "cat"), cmd("next", "echo", "still here"))["next"].text() == "still here\n"


@as_root
def test_without_root_what_needs_it_is_a_missing_privilege_and_the_rest_runs():
    outputs = run(
        cmd("secret", "cat", "/etc/shadow", root=True), cmd("open", "echo", "fine"), prefix=AS_NOBODY
    )
    assert outputs["secret"].problem is Reason.PRIVILEGE
    assert outputs["open"].text() == "fine\n"


def test_a_host_without_timeout_is_unsupported_not_a_host_without_the_command(tmp_path: Path):
    for tool in ("sh", "id", "echo"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}")
    program = build((cmd("a", "echo", "x"),), label="x")
    text = program.text.replace("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin", f"PATH={tmp_path}")
    done = subprocess.run(["/bin/sh", "-s"], input=text.encode(), capture_output=True, check=False)
    result = ShellResult(exit_code=0, stdout=done.stdout, stderr=done.stderr)
    assert parse(program, result)["a"].problem is Reason.UNSUPPORTED


def test_the_language_of_the_host_does_not_matter():
    output = run(
        cmd("locale", "sh", "-c", "echo $LC_ALL"), env={"LC_ALL": "sv_SE.UTF-8", "PATH": os.environ["PATH"]}
    )
    assert output["locale"].text() == "C\n"
