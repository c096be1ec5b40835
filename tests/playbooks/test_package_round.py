"""A round of patches takes for new, or for up to date, only what it could see."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.playbooks.on_host import loaded


@pytest.fixture(scope="module")
def rounds():
    """package_round."""
    with loaded("mail_listeners", "mail_dialogue", "mail_transaction", "package_round") as module:
        yield module


@pytest.fixture
def kept(rounds, monkeypatch, tmp_path):
    """The copy of an /etc with main.cf, and with a root certificate whose name is not ASCII, kept by a real tar."""
    monkeypatch.setattr(rounds, "STORE", tmp_path)
    monkeypatch.setattr(os, "walk", lambda _top: [("/etc", [], ["main.cf", "Főtanúsítvány.pem", "new.conf"])])
    etc = tmp_path / "host" / "etc"
    etc.mkdir(parents=True)
    for name in ("main.cf", "Főtanúsítvány.pem"):
        (etc / name).touch()
    copy = rounds.Kept("one")
    copy.store.mkdir(parents=True)
    subprocess.run(["tar", "-C", etc.parent, "-cf", copy.store / "etc.tar", "etc"], check=True)
    return copy


def test_on_the_way_back_only_files_go_that_came_since(kept):
    assert kept._strays() == ["/etc/new.conf"]


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"no archive")])
def test_nothing_below_etc_goes_when_the_copy_cannot_be_read(kept, spoil):
    spoil(kept.store / "etc.tar")
    assert kept._strays() == []


def test_packages_that_apt_would_replace_are_named_with_both_versions(rounds, monkeypatch):
    told = "Inst postfix [3.7.10-0+deb12u1] (3.7.11-0+deb12u1 Debian:12 [amd64])\nConf postfix (3.7.11)\n"
    monkeypatch.setattr(rounds, "run", lambda argv: subprocess.CompletedProcess(argv, 0, told, ""))
    assert rounds.planned() == {"postfix": ("3.7.10-0+deb12u1", "3.7.11-0+deb12u1")}


def test_a_host_whose_apt_fails_is_not_called_up_to_date(rounds, monkeypatch):
    said = "E: Unmet dependencies. Try 'apt --fix-broken install'."
    monkeypatch.setattr(rounds, "run", lambda argv: subprocess.CompletedProcess(argv, 100, "", said))
    with pytest.raises(OSError, match="Unmet dependencies"):
        rounds.planned()
