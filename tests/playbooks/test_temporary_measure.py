"""A measure is taken back backwards, on whatever the file says by then."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.playbooks.on_host import loaded

BEFORE = "# ours, keep\nrelayhost = [old.example]\nmynetworks = 127.0.0.0/8\n"
DURING = "# ours, keep\nrelayhost = [other.example]:25\nmynetworks = 127.0.0.0/8\n"


@pytest.fixture(scope="module")
def measures():
    """temporary_measure."""
    with loaded("mail_listeners", "mail_dialogue", "mail_transaction", "temporary_measure") as module:
        yield module


class Refused(Exception):
    """What fail_json says."""


@pytest.fixture
def run(measures, tmp_path: Path, monkeypatch):
    """Takes the measure `reroute`, or takes it back, and puts the files in place as a transaction would."""
    monkeypatch.setattr(measures, "MEASURES", tmp_path / "measures")
    (tmp_path / "measures").mkdir()

    def fail(msg: str) -> None:
        raise Refused(msg)

    def run(edit, *, gone: bool = False, name: str = "reroute") -> set[str]:
        change = measures.Transaction(SimpleNamespace(fail_json=fail), "Mail goes another way")
        measure = measures.Measure(change, {"measure": name, "gone": gone})
        if not gone:
            edit(change)
        measure.remember()
        changed = change.differing()
        for path, wanted in changed.items():
            path.unlink() if wanted.content is None else path.write_bytes(wanted.content)
        return {path.name for path in changed}

    return run


@pytest.fixture
def main_cf(tmp_path: Path) -> Path:
    path = tmp_path / "main.cf"
    path.write_text(BEFORE)
    return path


def another_way(path: Path, host: str = "[other.example]:25"):
    """The edit of a role: the line of the relay host, whatever it says."""

    def edit(change) -> None:
        lines = change.content(str(path)).splitlines(keepends=True)
        change.put(
            str(path),
            "".join(f"relayhost = {host}\n" if line.startswith("relayhost") else line for line in lines),
        )

    return edit


def test_the_old_file_comes_back_byte_for_byte_and_nothing_is_remembered_any_more(run, main_cf, tmp_path):
    assert run(another_way(main_cf)) == {"main.cf", "reroute.json"}
    assert main_cf.read_text() == DURING
    assert run(None, gone=True) == {"main.cf", "reroute.json"}
    assert main_cf.read_text() == BEFORE
    assert list((tmp_path / "measures").iterdir()) == []


def test_the_same_again_changes_nothing_in_both_directions(run, main_cf):
    run(another_way(main_cf))
    assert run(another_way(main_cf)) == set()
    run(None, gone=True)
    assert run(None, gone=True) == set()


def test_another_measure_of_the_same_name_does_not_take_the_first_one_for_the_admins_own(run, main_cf):
    run(another_way(main_cf))
    run(another_way(main_cf, "[third.example]:25"))
    assert "third.example" in main_cf.read_text()
    run(None, gone=True)
    assert main_cf.read_text() == BEFORE


def test_what_the_admin_wrote_meanwhile_stays(run, main_cf):
    run(another_way(main_cf))
    main_cf.write_text("# on call: Anna\n" + DURING + "soft_bounce = yes\n")
    run(None, gone=True)
    assert main_cf.read_text() == "# on call: Anna\n" + BEFORE + "soft_bounce = yes\n"


def test_a_line_of_ours_that_somebody_edited_is_left_to_a_person(run, main_cf):
    run(another_way(main_cf))
    edited = DURING.replace("other.example", "fourth.example")
    main_cf.write_text(edited)
    with pytest.raises(Refused, match=r"nothing was changed: .*main\.cf was edited where `reroute`"):
        run(None, gone=True)
    assert main_cf.read_text() == edited


def test_two_measures_on_one_file_go_in_any_order(run, main_cf):
    def soft(change) -> None:
        change.put(str(main_cf), change.content(str(main_cf)) + "soft_bounce = yes\n")

    run(another_way(main_cf))
    run(soft, name="soft")
    run(None, gone=True)
    assert main_cf.read_text() == BEFORE + "soft_bounce = yes\n"
    run(None, gone=True, name="soft")
    assert main_cf.read_text() == BEFORE


def test_a_file_that_the_measure_made_goes_with_it(run, tmp_path):
    table = tmp_path / "suspended"
    run(lambda change: change.put(str(table), "alice REJECT\n"))
    run(lambda change: change.put(str(table), "alice REJECT\nbob REJECT\n"))
    assert table.read_text() == "alice REJECT\nbob REJECT\n"
    run(None, gone=True)
    assert not table.exists()


def test_a_file_that_is_built_from_another_one_is_left_to_its_builder_when_somebody_built_it_anew(
    run, tmp_path
):
    built = tmp_path / "sendmail.cf"
    built.write_text("# built on Monday\nO X\n")
    run(lambda change: change.put(str(built), "# built on Tuesday\nO Y\n", derived=True))
    built.write_text("# built on Friday\nO Y\n")
    run(None, gone=True)
    assert built.read_text() == "# built on Friday\nO Y\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "both"),
    [
        ("a\nb\n", "a\nb\nc\nd\n", "a\nb\nd\n"),  # one took a line out, the other added behind it
        ("a\nb\nc\nnew\n", "a\nc\n", "a\nc\nnew\n"),
        ("a\nb\nc\n", "A\nb\nc\n", "A\nb\nc\n"),
        ("a\nB\nc\n", "a\nB\nc\n", "a\nB\nc\n"),
    ],
)
def test_changes_of_both_are_kept_where_they_do_not_meet(measures, mine, theirs, both):
    assert measures.merged("a\nb\nc\n", mine, theirs) == both


@pytest.mark.parametrize(("mine", "theirs"), [("a\nB\nc\n", "a\nX\nc\n"), ("a\nb\nm\nc\n", "a\nb\nt\nc\n")])
def test_changes_that_meet_are_never_guessed(measures, mine, theirs):
    with pytest.raises(measures.Entangled):
        measures.merged("a\nb\nc\n", mine, theirs)
