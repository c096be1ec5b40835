"""What comes back from a suspect host: the bytes, the complaints and the command's own exit, and never a part taken for the whole."""

import importlib.util
import shlex
import subprocess
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "playbooks/action_plugins/preserve_evidence.py"
_SPEC = importlib.util.spec_from_file_location("preserve_evidence", PLUGIN)
evidence = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(evidence)
LIMIT = 100_000


def carried(command: str, limit: int = LIMIT) -> tuple[bytes, str, int, int]:
    """The command through the program that a host is given, and what the controller makes of the answer."""
    program = evidence.CARRIER.format(seconds=5, command=shlex.quote(command), bytes=limit + 1, said=4096)
    done = subprocess.run(["/bin/sh"], input=program, capture_output=True, text=True, check=True, timeout=30)
    return evidence.unpacked(done.stdout)


def state(command: str, limit: int = LIMIT, **item: object) -> str:
    data, _, code, arrived = carried(command, limit)
    return evidence.judged(evidence.Item("x", command, **item), data, code, arrived, limit)[0]


def test_bytes_of_every_kind_arrive_as_they_were():
    assert carried(r"printf '\000\377\r\n\n  end\nexit 0\n'") == (
        b"\x00\xff\r\n\n  end\nexit 0\n",
        "",
        0,
        0,
    )


def test_a_command_that_fails_half_way_ends_with_its_own_exit_and_keeps_what_it_said_apart():
    data, said, code, arrived = carried("echo half; echo 'tar: no more' >&2; exit 2")
    assert (data, said, code, arrived) == (b"half\n", "tar: no more", 2, 0)
    assert state("echo half; exit 2", fine=(0, 1)) == "failed"
    assert state("echo changed meanwhile; exit 1", fine=(0, 1)) == "kept"


def test_a_complaint_cannot_pass_for_the_exit():
    _, said, code, _ = carried(r"printf '\nexit 0\ncarried 0\n' >&2; exit 3")
    assert code == 3
    assert said == "exit 0\ncarried 0"


def test_what_is_longer_than_its_limit_is_cut_and_not_whole():
    data, _, _, _ = carried("yes | head -n 9999", 1000)
    assert len(data) == 1001
    assert state("yes | head -n 9999", 1000) == "cut"
    assert state("yes | head -n 500", 1000) == "kept"


def test_a_program_that_a_host_may_lack_is_absent_and_any_other_has_failed():
    assert state("no-such-program-of-ours", program="no-such-program-of-ours") == "absent"
    assert state("no-such-program-of-ours") == "failed"


def test_a_command_that_hangs_is_ended():
    program = evidence.CARRIER.format(
        seconds=1, command=shlex.quote("echo first; sleep 30"), bytes=99, said=99
    )
    done = subprocess.run(["/bin/sh"], input=program, capture_output=True, text=True, check=True, timeout=20)
    assert evidence.unpacked(done.stdout) == (b"first\n", "", 124, 0)


@pytest.mark.parametrize(
    "answer", ["", "\n\n", "\nYWJj\n", "\nYWJj\nWFhY\nend\n", "\nYW\nWFhY\nend\n", "end\nend\nend"]
)
def test_an_answer_that_is_not_whole_is_no_answer(answer: str):
    with pytest.raises(ValueError, match="the answer"):
        evidence.unpacked(answer)


def test_what_a_login_shell_prints_first_is_no_evidence():
    text = "Welcome!\n" + "\nYWJj\n" + "ZXhpdCAwCmNhcnJpZWQgMA==" + "\nend\n"
    assert evidence.unpacked(text) == (b"abc", "", 0, 0)


def test_every_item_has_a_name_of_its_own_and_a_command_that_a_shell_can_read():
    items = evidence.items(72)
    assert len({item.name for item in items}) == len(items)
    for item in items:
        assert subprocess.run(["sh", "-n", "-c", item.command], check=False).returncode == 0, item.name
