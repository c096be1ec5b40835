from auditor.checks import restore_rehearsed
from auditor.model import Failed, Inconclusive, Passed, Reason
from tests.checks.test_backup_recent import ago, verdict


def rehearsed(*lines, **said):
    return verdict(*lines, check=restore_rehearsed, **said)


def test_a_rehearsal_within_the_year_passes_by_either_note():
    assert isinstance(rehearsed(f"restored|{ago(days=100)}"), Passed)
    assert isinstance(rehearsed(restored="2026-09-30"), Passed)


def test_the_later_of_two_notes_counts():
    found = rehearsed(f"restored|{ago(days=900)}", restored="2026-09-30")
    assert isinstance(found, Passed)
    assert found.observed == ({"restored on": "2026-09-30", "days ago": 53},)


def test_a_rehearsal_of_two_years_ago_fails():
    assert isinstance(rehearsed(restored="2024-11-01"), Failed)


def test_a_backup_alone_proves_no_restore():
    found = rehearsed(f"run|restic|{ago(hours=3)}", seen="2026-11-20")
    assert isinstance(found, Inconclusive)
    assert (found.reason, restore_rehearsed.CHECK.asks) == (Reason.NOT_DECLARED, "mail_backup")
