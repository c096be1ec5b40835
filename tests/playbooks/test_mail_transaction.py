"""A change is whole or it is not there, and nothing is restarted for files that no program has read."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.playbooks.on_host import loaded


class Failed(Exception):
    """What fail_json says."""


@pytest.fixture(scope="module")
def transactions():
    """mail_transaction."""
    with loaded("mail_listeners", "mail_dialogue", "mail_transaction") as module:
        yield module


@pytest.fixture
def change(transactions, tmp_path: Path, monkeypatch):
    """A change of one file that exists. Its programs write into `said` that they were called."""
    monkeypatch.setattr(transactions, "STORE", tmp_path / "store")
    monkeypatch.setattr(transactions, "PENDING", tmp_path / "store" / "pending.json")
    monkeypatch.setattr(transactions.signal, "signal", lambda *_: None)

    def fail(msg: str, **_: object) -> None:
        raise Failed(msg)

    frame = {"run": "one", "units": [], "recipients": []}
    module = SimpleNamespace(
        check_mode=False, params={"frame": frame}, fail_json=fail, exit_json=lambda **_: None
    )
    (tmp_path / "conf").write_text("old\n", encoding="ascii")
    made = transactions.Transaction(module, "Dovecot answers")
    made.mail = False
    made.put(str(tmp_path / "conf"), "new\n")
    made.apply = [["sh", "-c", f"echo reload >> {tmp_path}/said"]]
    return made


def said(tmp_path: Path) -> str:
    path = tmp_path / "said"
    return path.read_text(encoding="ascii") if path.exists() else ""


def test_a_trial_that_fails_brings_the_file_back_and_no_program_is_told(change, tmp_path):
    change.trial = [
        ["sh", "-c", f"grep -q new {tmp_path}/conf && echo 'doveconf: Fatal: line 1' >&2; exit 89"]
    ]
    with pytest.raises(Failed, match="undone, everything is as it was: .* failed: doveconf: Fatal: line 1"):
        change.commit()
    assert (tmp_path / "conf").read_text(encoding="ascii") == "old\n"
    assert said(tmp_path) == ""
    assert not (tmp_path / "store" / "pending.json").exists()


def test_what_no_longer_holds_after_a_reload_brings_the_file_back_and_reloads_it(
    change, tmp_path, transactions, monkeypatch
):
    monkeypatch.setattr(transactions, "SETTLE_SECONDS", 0)
    change.prove = [lambda: "the socket is not there"]
    with pytest.raises(
        Failed, match="undone, everything is as it was: no longer true: the socket is not there"
    ):
        change.commit()
    assert (tmp_path / "conf").read_text(encoding="ascii") == "old\n"
    assert said(tmp_path) == "reload\nreload\n"


def test_a_change_that_holds_stays(change, tmp_path):
    change.trial = [["grep", "-q", "new", f"{tmp_path}/conf"]]
    change.commit()
    assert (tmp_path / "conf").read_text(encoding="ascii") == "new\n"
    assert said(tmp_path) == "reload\n"
