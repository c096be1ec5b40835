"""What a busy server's silence excuses, and what it does not."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "playbooks" / "module_utils"
V4, V6 = "port 25 at 198.51.100.10", "port 25 at 2001:db8:100::10"


@pytest.fixture(scope="module")
def dialogue():
    """mail_dialogue as a module on a host sees it: its neighbours lie in ansible.module_utils."""
    loaded = {}
    for name in ("mail_listeners", "mail_dialogue"):
        spec = spec_from_file_location(f"ansible.module_utils.{name}", FOLDER / f"{name}.py")
        loaded[spec.name] = sys.modules[spec.name] = module_from_spec(spec)
        spec.loader.exec_module(loaded[spec.name])
    yield loaded["ansible.module_utils.mail_dialogue"]
    for name in loaded:
        del sys.modules[name]


def test_a_server_is_busy_when_a_port_answers_nowhere(dialogue):
    assert dialogue.busy({f"{V4} greets": False, f"{V4} is busy": True})


def test_a_server_that_answers_at_another_address_of_the_port_is_not(dialogue):
    assert not dialogue.busy({f"{V4} greets": True, f"{V6} greets": False, f"{V6} is busy": True})


def test_an_answer_at_another_port_is_no_answer(dialogue):
    assert dialogue.busy({"port 587 at 198.51.100.10 greets": True, f"{V4} greets": False, f"{V4} is busy": True})


def test_what_could_not_be_asked_at_a_busy_address_is_excused_where_another_one_answers(dialogue):
    now = {f"{V4} greets": True, f"{V6} greets": False, f"{V6} is busy": True}
    assert dialogue.excused(f"{V6} completes STARTTLS", now)


@pytest.mark.parametrize(
    "now",
    [
        {f"{V4} greets": True, f"{V6} greets": False},  # nobody said that it is busy: it is dead
        {f"{V4} greets": False, f"{V6} greets": False, f"{V6} is busy": True},
        {f"{V4} greets": True, f"{V4} completes STARTTLS": False, f"{V6} is busy": True},
    ],
)
def test_what_is_no_longer_true_is_never_excused_by_that(dialogue, now):
    line = f"{V4} completes STARTTLS" if f"{V4} completes STARTTLS" in now else f"{V6} completes STARTTLS"
    assert not dialogue.excused(line, now)
