"""Runs the shell blocks and probes of a runbook on a host of the laboratory, with values passed as the engine passes them."""

import functools
import subprocess
from pathlib import Path
from typing import Final

from auditor.runbook.format import Step, Use
from auditor.runbook.parse import read
from auditor.runbook.probes import PROBES
from auditor.runbook.scene import Scene
from auditor.runbook.shell import names, program
from auditor.runbook.state import State
from auditor.runbook.world import Outcome
from auditor.transport.remote import LIMIT, Program, Ran, Sink
from tests.lab.machine import Host
from tests.lab.watching import unit_of

BOOKS: Final = Path(__file__).parents[2] / "runbooks"
DEBIAN: Final = {"bookworm": 12, "trixie": 13}
VALUES: Final = {
    "incident_id": "INC-2026-0001",
    "account": "admin",
    "spam_sender": "admin@spam.example",
    "relay_host": "relay.example.net",
    "relay_client": "203.0.113.66",
    "destination": "example.com",
}


class _Shell:
    """The host's shell as a probe sees it, without SSH between."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def run(self, program: Program, *, limit: int = LIMIT, sink: Sink | None = None) -> Ran:
        assert sink is None
        done = self._host.run(
            ["sh", "-eu", "-c", program.text, "auditor", *program.args], input=program.stdin.decode()
        )
        return Ran(exit=done.returncode, stdout=done.stdout.encode()[:limit], stderr=done.stderr.encode())

    def close(self) -> None:
        pass


class Follower:
    """Runs blocks of one runbook on one host. `values` stand over the usual ones."""

    def __init__(self, host: Host, release: str, book: str, **values: str) -> None:
        self.host, self.debian, self.values = host, DEBIAN[release], VALUES | values
        self.values.setdefault("units", f"{unit_of(release, host.mta)}.service")
        self.steps = self.steps_of(book)

    @staticmethod
    @functools.cache
    def steps_of(book: str) -> dict[str, Step]:
        """The steps of a runbook by their ids."""
        return {step.id: step for step in read(BOOKS / f"{book}.md").steps}

    def has(self, step: str, use: Use) -> bool:
        """Whether the runbook has such a block for this mail program and release."""
        return self.steps[step].shell(use, self.host.mta, self.debian) is not None

    def run(self, step: str, use: Use, standard_input: str = "") -> subprocess.CompletedProcess[str]:
        """Run one block; its exit code is the caller's."""
        block = self.steps[step].shell(use, self.host.mta, self.debian)
        assert block is not None, f"{step} has no {use} block for {self.host.mta} on Debian {self.debian}"
        text, values = program(block.text, {name: self.values[name] for name in names(block.text)})
        return self.host.run(["sh", "-eu", "-c", text, "auditor", *values], input=standard_input)

    def probe(self, name: str, **args: str) -> Outcome:
        """What a probe that looks through the host's shell says now."""
        state = State(values={"mta": self.host.mta})
        remote = _Shell(self.host)
        return PROBES[name](
            Scene(
                args=args, address=self.host.v4, remote=remote, fresh=lambda: remote, state=state, folder=BOOKS,
                before=None, now=None,
            )
        )  # fmt: skip

    def must(self, step: str, use: Use, standard_input: str = "") -> str:
        """Run one block that has to succeed; its output."""
        done = self.run(step, use, standard_input)
        assert done.returncode == 0, f"{use} {step}: {done.stdout}{done.stderr}"
        return done.stdout
