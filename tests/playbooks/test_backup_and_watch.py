"""What is backed up and watched on a mail host, and when somebody is told."""

import importlib.util
import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, PLAYBOOKS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sources = load("filter_plugins/backup_sources.py")
doors = load("filter_plugins/watched_doors.py")
backup = load("roles/backup/files/auditor_backup.py")
watch = load("roles/monitoring/files/auditor_watch.py")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("mbox:~/mail:INBOX=/var/mail/%u\n", ["/home/*/mail", "/root/mail", "/var/mail"]),
        ("maildir:/srv/vhosts/%d/%n/Maildir\n", ["/srv/vhosts"]),
        ("maildir:~/Maildir", ["/home/*/Maildir", "/root/Maildir"]),
        ("sdbox:/data/mail/%Ln", ["/data/mail"]),
        ("%{home}/Mail\n/var/mail/%{user}\n", ["/home/*/Mail", "/root/Mail", "/var/mail"]),
        ("", []),
        ("maildir:/%u", []),
    ],
)
def test_mailboxes_are_where_dovecot_says_up_to_the_first_variable(said: str, found: list[str]):
    assert sources.mailbox_patterns(said) == found


def test_what_is_not_chosen_is_left_out_and_keys_only_when_the_rest_of_etc_is():
    mail = {"mta": "postfix", "config": {"main": {"home_mailbox": "Post/"}}}
    assert "/home/*/Post" in sources.backup_paths(["mailboxes"], mail, "")
    assert sources.backup_paths(["queue"], mail, "") == ["/var/spool/postfix"]
    assert "/etc/dkimkeys" in sources.backup_paths(["keys"], mail, "")
    assert "/etc/dkimkeys" in sources.backup_exclusions(["configuration"])
    assert "/etc/dkimkeys" not in sources.backup_exclusions(["configuration", "keys"])
    assert "/etc/auditor/backup.secret" in sources.backup_exclusions(["configuration", "keys"])


def test_a_manifest_counts_messages_of_both_kinds_of_mailboxes(tmp_path: Path):
    for part in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / part).mkdir(parents=True)
    (tmp_path / "Maildir" / "new" / "1").write_text("x")
    (tmp_path / "Maildir" / "cur" / "2:2,S").write_text("x")
    (tmp_path / "mbox").write_text("From a\n\nFrom here on\nbody\n")
    counted = backup.manifest([str(tmp_path / "Maildir"), str(tmp_path / "mbox")])
    assert counted == {str(tmp_path / "Maildir"): 2, str(tmp_path / "mbox"): 2}


def test_a_rehearsal_tells_rotten_bytes_from_files_that_were_changed_since(tmp_path: Path):
    original, copy = tmp_path / "original", tmp_path / "copy"
    for name in ("same", "rotten", "edited", "gone"):
        for top in (original, Path(f"{copy}{original}")):
            top.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(f"{name}!")
            os.utime(top / name, (1_700_000_000, 1_700_000_000))
    (original / "rotten").write_text("rottEn!")
    os.utime(original / "rotten", (1_700_000_000, 1_700_000_000))
    (original / "edited").write_text("edited since")
    (original / "gone").unlink()
    later = (original / "rotten").stat().st_ctime + 60
    same, moved, bad, size = backup.compared(copy, newest_change=later)
    assert (same, moved, bad) == (1, 2, [str(original / "rotten")])
    assert size == sum(len(f"{name}!") for name in ("same", "rotten", "edited", "gone"))


def test_what_fits_is_restored_smallest_first_and_nothing_at_all_is_a_failure(tmp_path: Path):
    small, large = tmp_path / "small", tmp_path / "large"
    for path, size in ((small, 10), (large, 100_000)):
        path.mkdir()
        (path / "file").write_bytes(b"x" * size)
    assert backup.affordable([str(large), str(small)], 50_000) == [str(small)]
    with pytest.raises(backup.Failed, match="no room"):
        backup.affordable([str(large)], 10)


class Kept(backup.Restic):
    """A restic that keeps what is below a folder, and brings back all of it but the files named `lost`, and says so."""

    def __init__(self, folder: Path, *lost: str) -> None:
        self.folder, self.lost, self.host = folder, lost, ["--host", "mx1"]

    def try_(self, *words: str) -> subprocess.CompletedProcess[str]:
        out, files = "", [path for path in self.folder.rglob("*") if path.is_file()]
        match words[0]:
            case "snapshots":
                out = json.dumps([{"id": "0123abcd", "time": "2026-11-22", "paths": [str(self.folder)]}])
            case "ls":
                nodes = [
                    {"struct_type": "snapshot"},
                    *({"type": "file", "path": str(path)} for path in files),
                ]
                out = "".join(json.dumps(node) + "\n" for node in nodes)
            case "restore":
                for path in (one for one in files if one.name not in self.lost):
                    copy = Path(words[3] + str(path))
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, copy)
        code = int(words[0] == "restore" and bool(self.lost))
        return subprocess.CompletedProcess(words, code, out, "Fatal: There were 5 errors\n" * code)


def test_a_rehearsal_from_which_a_file_is_missing_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backup, "STATE", tmp_path / "state")
    monkeypatch.setattr(backup, "OWN", tmp_path / "state" / "backup")
    (tmp_path / "state" / "backup").mkdir(parents=True)
    mail = tmp_path / "mail"
    mail.mkdir()
    for name in ("dear", "other"):
        (mail / name).write_text(name)
    settings = {"scratch": str(tmp_path), "rehearsal_bytes": 1_000_000}
    with pytest.raises(backup.Failed, match=f"1 files did not come back, one of them {mail}/dear: Fatal"):
        backup.rehearse(Kept(mail, "dear"), settings)
    assert not (tmp_path / "state" / "restore-rehearsed").exists()
    assert "2 files came back equal" in backup.rehearse(Kept(mail), settings)
    assert (tmp_path / "state" / "restore-rehearsed").exists()


class Place:
    """A restic that says what the test wrote down, in turn."""

    host = ("--host", "mx1")

    def __init__(self, *said: tuple[int, str, str]) -> None:
        self.said = list(said)

    def try_(self, *words: str) -> subprocess.CompletedProcess[str]:
        code, out, error = self.said.pop(0)
        return subprocess.CompletedProcess(words, code, out, error)


MADE = '{"message_type":"summary","snapshot_id":"0123abcd"}\n'
GONE = "error: lstat /var/spool/postfix/active/4f: no such file or directory\nWarning: at least one source file could not be read\n"

OLD = '{"message_type":"error","error":{"Op":"lstat","Path":"/var/spool/postfix/active/4f","Err":2},"during":"archival"}\n'


@pytest.mark.parametrize(
    "said",
    [
        [(0, MADE, "")],
        [(3, MADE, GONE), (0, MADE, "")],
        [(3, MADE, GONE), (3, MADE, GONE)],
        [(3, MADE, OLD), (3, MADE, OLD)],
    ],
)
def test_a_queue_that_moves_while_it_is_read_is_no_fault(said: list[tuple[int, str, str]]):
    place = Place(*said)
    assert backup.saved(place, {"exclude": []}, ["/etc"]) == "0123abcd"
    assert place.said == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([(3, MADE, "error: open /etc/shadow: permission denied\n")] * 3, "permission denied"),
        ([(1, "", "Fatal: unable to open config file\n")], "unable to open config"),
        ([(0, "", "")], "named no snapshot"),
    ],
)
def test_what_could_not_be_read_is_no_backup(said: list[tuple[int, str, str]], told: str):
    with pytest.raises(backup.Failed, match=told):
        backup.saved(Place(*said), {"exclude": []}, ["/etc"])


HOUR = 3600.0


def told(before: dict[str, Any], now: dict[str, str], at: float) -> tuple[list[str], dict[str, Any]]:
    return watch.news(before, now, at, 4 * HOUR)


def test_a_problem_is_told_when_it_is_seen_twice_again_after_hours_and_when_it_is_over():
    bad = {"queue": "900 messages wait"}
    lines, state = told({}, bad, 1e6)
    assert lines == [], "a service that restarts while somebody looks is no alarm"
    lines, state = told(state, bad, 1e6 + 300)
    assert lines == ["900 messages wait"]
    lines, state = told(state, bad, 1e6 + 600)
    assert lines == []
    lines, state = told(state, bad, 1e6 + 300 + 4 * HOUR)
    assert lines == ["900 messages wait"]
    assert told(state, {}, 1e6 + 5 * HOUR) == (["over: 900 messages wait"], {})


def test_a_problem_that_nobody_was_told_of_ends_in_silence():
    _, state = told({}, {"queue": "900 messages wait"}, 1e6)
    assert told(state, {}, 1e6 + 300) == ([], {})


@pytest.mark.parametrize(
    ("mta", "listing", "waiting"),
    [
        ("postfix", '{"queue_name": "deferred"}\n{"queue_name": "active"}\n', 2),
        ("exim", "25m  2.9K 0t5C6f-0000c8-00 <alice@example.org>\n          bob@example.net\n", 1),
        ("opensmtpd", "9f3a1c2b4d5e6f70|inet4|mta|auth|a@b.example|c@d.example|\n", 1),
        (
            "sendmail",
            "\t\t/var/spool/mqueue (1 request)\n4AMBh9xk012345       12 Sun Nov 22 06:00 <a@b.example>\n",
            1,
        ),
    ],
)
def test_the_queue_is_counted_as_each_program_lists_it(
    monkeypatch: pytest.MonkeyPatch, mta: str, listing: str, waiting: int
):
    done = subprocess.CompletedProcess([], 0, listing, "")
    monkeypatch.setattr(watch, "run", lambda argv: done)
    [(_, text)] = watch.queue({"mta": mta, "queue_limit": 0})
    assert text.startswith(f"{waiting} messages wait")
    assert list(watch.queue({"mta": mta, "queue_limit": waiting})) == []


def test_a_queue_that_cannot_be_listed_is_a_problem_and_no_empty_queue(monkeypatch: pytest.MonkeyPatch):
    done = subprocess.CompletedProcess([], 69, "", "postqueue: fatal: no permission\n")
    monkeypatch.setattr(watch, "run", lambda argv: done)
    [(_, text)] = watch.queue({"mta": "postfix", "queue_limit": 10})
    assert "no permission" in text


def test_a_certificate_that_ends_soon_is_told_with_its_days(monkeypatch: pytest.MonkeyPatch):
    days_of = watch.days_of
    monkeypatch.setattr(watch, "greeted", lambda *_: b"certificate")
    monkeypatch.setattr(watch, "days_of", lambda _: (5, 90))
    settings = {"host": "mx1", "doors": [{"address": "127.0.0.1", "port": 25}], "certificate_days": 14}
    assert [text for _, text in watch.doors(settings)] == [
        "the certificate of port 25 at 127.0.0.1 expires in 5 days"
    ]
    assert list(watch.doors(settings | {"certificate_days": 5})) == []
    monkeypatch.setattr(watch, "greeted", lambda *_: b"no certificate")
    monkeypatch.setattr(watch, "days_of", days_of)
    assert [text for _, text in watch.doors(settings)] == [
        "the certificate of port 25 at 127.0.0.1 cannot be read"
    ], "and whatever else is looked at is looked at"
    monkeypatch.setattr(watch, "days_of", lambda _: (0, 0))
    assert list(watch.doors(settings)) == [], "Exim makes itself one for the hour"

    def broken(*_: object) -> bytes:
        raise ssl.SSLError("handshake failure")

    monkeypatch.setattr(watch, "greeted", broken)
    assert "does not answer" in next(watch.doors(settings))[1]


def test_one_address_of_each_door_is_looked_at():
    sockets = [
        {"address": "::", "port": 25, "loopback": False},
        {"address": "0.0.0.0", "port": 25, "loopback": False},
        {"address": "198.51.100.10", "port": 587, "loopback": False},
        {"address": "::", "port": 465, "loopback": False},
        {"address": "127.0.0.1", "port": 10025, "loopback": True},
    ]
    assert doors.watched_doors(sockets) == [
        {"port": 25, "address": "127.0.0.1"},
        {"port": 465, "address": "::1"},
        {"port": 587, "address": "198.51.100.10"},
    ]


def test_an_alarm_that_could_not_be_told_is_due_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    settings = {"host": "mx1", "repeat_seconds": 4 * HOUR}
    way = {"to": "oncall@elsewhere.example", "via": "127.0.0.1:1"}
    secret = {"mail": [way], "post": [], "heartbeat": ""}
    for name, content in (("SETTINGS", settings), ("SECRET", secret)):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        monkeypatch.setattr(watch, name, path)
    monkeypatch.setattr(watch, "STATE", tmp_path / "state.json")
    monkeypatch.setattr(watch, "look", lambda *_: {"queue": "900 messages wait"})
    assert watch.main([]) == 0
    for _ in range(2):
        assert watch.main([]) == 1
        assert "could not be told: mail by 127.0.0.1:1" in capsys.readouterr().err
