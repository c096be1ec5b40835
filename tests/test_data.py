"""Playbooks and runbooks are found from wherever auditor is installed."""

import pytest

from auditor import data


def test_what_is_not_shipped_is_said_and_not_guessed(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_HERE", tmp_path / "auditor")

    with pytest.raises(FileNotFoundError, match="no runbooks"):
        data.directory("runbooks")


def test_the_copy_in_the_wheel_wins_over_a_folder_beside_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_HERE", tmp_path / "auditor")
    (tmp_path / "runbooks").mkdir()
    assert data.directory("runbooks") == tmp_path / "runbooks"
    (tmp_path / "auditor" / "_data" / "runbooks").mkdir(parents=True)

    assert data.directory("runbooks") == tmp_path / "auditor" / "_data" / "runbooks"
