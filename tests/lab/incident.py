"""An administrator at the vantage who follows runbooks through the command line, and the people outside who write mail."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import Station
from tests.lab.watching import unit_of, wait_for

ROOT = Path(__file__).resolve().parents[2]
EVERY_STEP: Mapping[str, Any] = {
    "run": True, "done": True, "sent": True, "channel": "telephone", "reason": "rehearsal", "witness": "bo",
    "approve": {"agreed": True, "by": "bo"}, "person-1": True, "person-2": True, "undone": True,
    "services": "mail", "contact": "+44 20 7946 0000", "advice": "send again tomorrow", "first_sign": "a scan",
    "meeting_place": "telephone", "recent_changes": "none", "people_hit": "none", "data_exposed": "none", "duties": "none",
    "cause_found": "see the journal", "signs_missed": "none", "actions": "none", "fixed": "the cause", "loss": "nothing",
}  # fmt: skip
LONG = {
    "frame/frame-watch-period": "the watch takes a day",
    "open-relay/watch": "the watch takes three days",
    "outbound-spam/watch": "the watch takes days",
    "flood/watch": "the watch takes a day",
    "blocklisted/quiet-hour": "it takes an hour",
    "blocklisted/recheck": "it takes three days",
    "destination-refuses/better": "it takes a day",
    "dependency-down/drained": "it takes two hours",
}
"""Steps that a test cannot wait for."""

_SEND = """import smtplib, sys
host, port, sender, recipient, count = sys.argv[1:]
with smtplib.SMTP(host, int(port), "vantage.example", timeout=30) as smtp:
    for number in range(int(count)):
        text = f"From: {sender}\\r\\nTo: {recipient}\\r\\nSubject: buy {number}\\r\\n\\r\\nnow\\r\\n"
        smtp.sendmail(sender, [recipient], text)
"""
_SINK = """import socketserver, sys
class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text + b"\\r\\n")
        say(b"220 sink.example ESMTP")
        sender = ""
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"MAIL":
                sender = line[11:].split(b">")[0].decode("ascii", "replace")
            if verb == b"MAIL":
                rcpts = 0
            if verb == b"RCPT":
                rcpts += 1
            if verb == b"RCPT" and rcpts > int(sys.argv[4]):
                say(b"452 4.5.3 Too many recipients")
                continue
            if verb == b"RCPT" and sender and len(open(sys.argv[2]).readlines()) >= int(sys.argv[3]):
                say(b"550 5.7.1 Service unavailable; client blocked using bl.example")
                continue
            if verb == b"DATA":
                say(b"354 go on")
                for text in iter(self.rfile.readline, b".\\r\\n"):
                    if not text:
                        return
                with open(sys.argv[2], "a") as taken:
                    taken.write(f"<{sender}>\\n")
            if verb == b"QUIT":
                return say(b"221 bye")
            say(b"250 ok")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server((sys.argv[1], 25), Sink).serve_forever()
"""


def send(
    station: Station, host: Host, recipient: str, *, sender: str = "owner@vantage.example", count: int = 1
) -> subprocess.CompletedProcess[str]:
    """Mail from outside to port 25, over one session; the exit code is 0 when all of it was taken."""
    return station.run(
        [sys.executable, "-c", _SEND, host.v4, "25", sender, recipient, str(count)], timeout=60
    )


class Sink:
    """A mail server elsewhere that counts what it takes. Use it as a context manager.

    `patience` is how many messages it takes at all, `recipients` how many of one message.
    """

    def __init__(
        self,
        lab: Lab,
        folder: Path,
        *,
        name: str,
        v4: str,
        patience: int = 1_000_000,
        recipients: int = 100,
    ) -> None:
        self.station, self._limits = lab.station(name, v4), (str(patience), str(recipients))
        self.taken = folder / f"{name}.taken"

    def __enter__(self) -> Self:
        self.taken.touch()
        self._server = self.station.popen(
            [sys.executable, "-c", _SINK, self.station.v4, str(self.taken), *self._limits],
        )
        listens = ["ss", "-Hltn", "sport = :25"]
        wait_for(lambda: self.station.run(listens).stdout, f"a listener at {self.station.v4}")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.wait(10)
        self.station.down()

    def senders(self) -> list[str]:
        """The envelope sender of each message taken; a bounce has none."""
        return self.taken.read_text("ascii").splitlines()

    def count(self) -> int:
        """Messages taken so far, without bounces."""
        return len([sender for sender in self.senders() if sender != "<>"])

    def bounces(self) -> int:
        """Bounces taken so far."""
        return len(self.senders()) - self.count()

    def await_count(self, count: int) -> None:
        """Wait until so many were taken."""
        wait_for(lambda: self.count() >= count, f"{count} messages at {self.station.v4}", seconds=60)


_BY_HAND = {
    "postfix": "postfix start",
    "exim4": "exim4 -bd -q30m",
    "opensmtpd": "smtpd",
    "sendmail": "sendmail-mta -bd -q10m",
}


def started_by_hand(host: Host) -> None:
    """The mail program stops and is started from a login session, as report 004 found it."""
    host.sh(f"systemctl stop {unit_of(host.release, host.mta)}")
    # Debian 13 hands "postfix start" over to systemd, and "start-fg" to nobody.
    odd = {("trixie", "postfix"): "nohup postfix start-fg > /dev/null 2>&1 < /dev/null &"}
    command = odd.get((host.release, host.mta), f"{_BY_HAND[host.mta]} > /dev/null 2>&1 < /dev/null")
    assert host.login(command, user="root").returncode == 0
    wait_for(lambda: 25 in host.listening(), "port 25, opened from a shell")


class Desk:
    """One inventory, one incident, and one host unless others stand `beside` it."""

    def __init__(
        self,
        lab: Lab,
        host: Host,
        folder: Path,
        answers: Mapping[str, Any],
        *,
        beside: Sequence[Host] = (),
        **variables: Any,
    ) -> None:
        self.lab, self.folder, self.host = lab, folder, host
        self.hosts = (host, *beside)
        said = {
            one.name: {
                "ansible_host": one.v4, "ansible_user": "root", "ansible_ssh_private_key_file": str(one.ssh.key),
                "ansible_ssh_common_args": f"-o UserKnownHostsFile={one.ssh.known_hosts}",
                "mail_domains": [one.domain], "mail_admin_networks": ["203.0.113.10/32"],
                "mail_canary": f"root@{one.domain}",
            } | variables
            for one in self.hosts
        }  # fmt: skip
        self.inventory = folder / "inventory.yml"
        self.inventory.write_text(yaml.safe_dump({"mail_hosts": {"hosts": said}}))
        self.answers = folder / "answers.yml"
        self.answers.write_text(yaml.safe_dump({"*": dict(EVERY_STEP), **answers}))

    def auditor(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of auditor, run at the vantage."""
        return self.lab.exec([sys.executable, "-m", "auditor", *words], env=self._environment(), timeout=600)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ, "AUDITOR_INCIDENTS": str(self.folder / "incidents"), "PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": "80",
            # Ansible keeps connections by address, and the host that had this one before may still answer on it.
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp"),
        }  # fmt: skip

    def killed(self, words: Sequence[str], when: Callable[[], object]) -> None:
        """Begin a command of `auditor incident` and kill -9 it, with all that it started, as soon as `when` is so."""
        argv = [sys.executable, "-m", "auditor", "incident", *words, "--answers", str(self.answers)]
        with (self.folder / "killed.log").open("wb") as log:
            begun = self.lab.vantage.popen(
                argv, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_for(lambda: when() or begun.poll() is not None, f"the moment to kill {words}", seconds=120)
            assert begun.poll() is None, (self.folder / "killed.log").read_text("utf-8")
        finally:
            os.killpg(begun.pid, signal.SIGKILL)
            begun.wait(10)

    def scan(self, *checks: str, options: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """The findings of these checks on the host."""
        only = [word for check in checks for word in ("--only", check)]
        done = self.auditor(
            "scan", self.host.name, "-i", str(self.inventory), *only,
            "--helo", "vantage.example", "--format", "json", *options,
        )  # fmt: skip
        assert done.returncode in (0, 1, 3), done.stderr
        (self.folder / "scan.json").write_text(done.stdout)
        found = [f for target in json.loads(done.stdout)["targets"] for f in target["findings"]]
        return {f["check"]: f for f in found if f["check"] in checks}

    def incident(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of `auditor incident` with the scripted answers."""
        return self.auditor("incident", *words, "--answers", str(self.answers))

    def open(self, runbook: str) -> None:
        """Open the incident."""
        hosts = [word for host in self.hosts for word in ("--host", host.name)]
        done = self.incident("open", "--runbook", runbook, *hosts, "-i", str(self.inventory))
        assert done.returncode == 0, done.stderr

    def open_from(self, finding: str) -> None:
        """Open the incident that a finding of the last scan leads to."""
        said = ["--from", str(self.folder / "scan.json"), "--finding", finding]
        done = self.incident("open", *said, "--host", self.host.name, "-i", str(self.inventory))
        assert done.returncode == 0, done.stderr

    def status(self) -> dict[str, Any]:
        """`auditor incident status --json`."""
        report: dict[str, Any] = json.loads(self.auditor("incident", "status", "--json").stdout)
        return report

    def step(self, *names: str) -> None:
        """Single steps, which must end ok."""
        for name in names:
            ran = self.incident("run", "--step", name)
            assert self.ended(name.rpartition("/")[2]).get("result") == "ok", ran.stderr[-4000:]

    def follow(
        self, excused: Mapping[str, str] = LONG, at: Mapping[str, Callable[[], None]] | None = None
    ) -> None:
        """Follow to the end and close; only excused steps may be left out, all others must end ok.

        `at` is called when the run stops at a step, before that is left out.
        """
        reasons = LONG | dict(excused)
        for _ in range(len(reasons) + 1):
            ran = self.incident("run", "--all")
            assert "Traceback" not in ran.stderr
            report = self.status()
            if report["next"] is None:
                break
            stuck = report["next"]["step"]
            assert stuck in reasons, ran.stderr[-4000:] + ran.stdout[-3000:]
            (at or {}).get(stuck, lambda: None)()
            assert self.incident("skip", stuck, "--reason", reasons[stuck]).returncode == 0
        for name, progress in report["steps"].items():
            if name in reasons and progress in {"failed", "unknown"}:  # it led elsewhere, and stays visible
                assert self.incident("skip", name, "--reason", reasons[name]).returncode == 0
        assert report["temporary"] == []
        unfinished = {
            name: progress
            for name, progress in report["steps"].items()
            if name not in reasons and progress not in {"ok", "passed-over"}
        }
        assert unfinished == {}, [self.ended(name.rpartition("/")[2]) for name in unfinished]
        closed = self.incident("close")
        assert closed.returncode == 0, closed.stderr
        assert self.auditor("incident", "verify").returncode == 0

    def entries(self) -> list[dict[str, Any]]:
        """The journal."""
        journal = next((self.folder / "incidents").glob("INC-*/journal.jsonl"))
        return [json.loads(line) for line in journal.read_text("utf-8").splitlines()]

    def said(self, step: str) -> str:
        """What the commands of a step said."""
        return next((self.folder / "incidents").glob(f"INC-*/ev/*-{step}.out")).read_text("utf-8")

    def ended(self, step: str) -> dict[str, Any]:
        """How a step ended, the last time."""
        ends = [one for one in self.entries() if one["kind"] == "step.end" and one["step"] == step]
        return ends[-1]["data"] if ends else {}

    def balance(self, at: str = "") -> str:
        """The accounting, which has to come out even; `at` is @HOST where there are several."""
        sentence = str(self.ended(f"frame-accounting{at}")["reason"])
        assert "accepted" in sentence, sentence
        assert "NOT ACCOUNTED FOR" not in sentence, sentence
        return sentence

    def durations(self) -> dict[str, float]:
        """Seconds that each step took, the last time."""
        begun: dict[str, int] = {}
        took: dict[str, float] = {}
        for one in self.entries():
            if one["kind"] == "step.start":
                begun[one["step"]] = one["mono_ns"]
            elif one["kind"] == "step.end" and one["step"] in begun:
                took[one["step"]] = round((one["mono_ns"] - begun[one["step"]]) / 1e9, 1)
        return took

    def seconds(self, first: str, last: str) -> float:
        """From the journal entry of this kind or the start of this step to the end of another step."""
        entries = self.entries()
        begun = next(
            one
            for one in entries
            if one["kind"] == first or (one["kind"], one["step"]) == ("step.start", first)
        )
        ended = [one for one in entries if (one["kind"], one["step"]) == ("step.end", last)][-1]
        return float(ended["mono_ns"] - begun["mono_ns"]) / 1e9
