"""The entry point: what is imported, what a wrong command line costs."""

import subprocess
import sys

import pytest

from auditor.cli import Commands, auditor, main

HEAVY = ("paramiko", "checkdmarc", "ansible", "ansible_runner", "dns", "cryptography", "rich", "asyncio")


def test_help_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from auditor.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        f"print(sorted(set({HEAVY!r}) & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_has_a_help_of_its_own():
    group = auditor
    assert isinstance(group, Commands)
    context = group.make_context("auditor", [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert command.help or command.short_help, name


@pytest.mark.parametrize(
    "words",
    [
        ("scan", "--port", "x", "mx1"),
        ("scan", "--nonsense"),
        ("nonsense",),
        ("explain",),
        ("scan", "--timeout", "0", "a"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_2(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    said = capsys.readouterr()
    assert stopped.value.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_python_dash_m_auditor_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("auditor, version ")


def test_a_reader_that_has_seen_enough_costs_no_traceback():
    program = f"{sys.executable} -m auditor checks --format markdown | head -n 1"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "# Checks\n"
    assert done.stderr == ""
