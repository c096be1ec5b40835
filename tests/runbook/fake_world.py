"""A world for the engine that is a temporary directory: commands run here, probes say what the test wrote down."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from auditor.runbook.book import collect
from auditor.runbook.clock import Instant
from auditor.runbook.desk import Desk
from auditor.runbook.engine import Engine
from auditor.runbook.incident import Incident, create
from auditor.runbook.journal import Author
from auditor.runbook.opening import Occasion, begin
from auditor.runbook.operator import Questions, Scripted
from auditor.runbook.state import Progress, State
from auditor.runbook.world import Measured, Outcome, Played
from auditor.transport.remote import CannotReach, Program, Ran

ANNA = Author(actor="anna", role="ops", src="test")


class FakeClock:
    """Moves only when told; can be set back without the monotonic part following."""

    def __init__(self):
        self.seconds = 0.0
        self.offset = 0.0

    def now(self):
        total = int(self.seconds + self.offset)
        day, rest = divmod(total, 86400)
        utc = f"2026-11-{21 + day:02d}T{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}.000Z"
        return Instant(utc=utc, mono_ns=int(self.seconds * 1e9), boot="test")


class LocalRemote:
    """Runs programs on this machine, in one directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken = False
        self.programs: list[Program] = []

    def run(self, program: Program, *, limit: int = 10_000_000, sink=None) -> Ran:
        if self.broken:
            raise CannotReach("mx1: the connection broke")
        self.programs.append(program)
        ran = subprocess.run(
            ["timeout", f"{program.timeout}", "sh", "-eu", "-c", program.text, "auditor", *program.args],
            input=program.stdin, capture_output=True, check=False, cwd=self.folder, timeout=60,
        )  # fmt: skip
        if sink is not None:
            sink(ran.stdout)
        return Ran(exit=ran.returncode, stdout=b"" if sink else ran.stdout[:limit], stderr=ran.stderr)

    def close(self) -> None:
        pass


class FakeWorld:
    def __init__(self, folder: Path, clock=None) -> None:
        self.clock = clock or FakeClock()
        self.remote = LocalRemote(folder)
        self.probes: dict[str, Outcome] = {}
        self.scans: dict[str, Outcome] = {}
        self.scanned: list[tuple[str, ...]] = []
        self.plays: list[tuple[str, dict, bool]] = []
        self.limits: list[float] = []
        self.played = [Played(good=True, changed=0, output="ok")]
        self.slept = 0.0
        self.measured: Measured | None = Measured(total=5, held=5)

    def probe(self, name: str, args: Mapping[str, str], state: State, before: Measured | None) -> Outcome:
        return self.probes.get(name, Outcome.ok())

    def queue(self, state: State) -> Measured | None:
        return self.measured

    def scan(self, checks: Sequence[str], state: State) -> Mapping[str, Outcome]:
        self.scanned.append(tuple(checks))
        return {check: self.scans.get(check, Outcome.ok()) for check in checks}

    def play(self, playbook, extra, *, check_mode, limit):
        self.plays.append((playbook, dict(extra), check_mode))
        self.limits.append(limit)
        return self.played[min(len(self.plays), len(self.played)) - 1]

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        if isinstance(self.clock, FakeClock):
            self.clock.seconds += seconds


EVERYTHING = {
    "*": {
        "run": True, "done": True, "agreed": True, "sent": True, "channel": "telephone", "reason": "because",
        "approve": {"agreed": True, "by": "bo"}, "witness": "bo", "person-1": True, "undone": True,
    }
}  # fmt: skip

FRONT = "---\nrunbook: {name}\nversion: 1\ntitle: Test\nseverity: high\ntested_on: [debian12/postfix]\n{more}---\n\n# Test\n\n"


def runbook(*steps: str, name: str = "test", more: str = "") -> str:
    return FRONT.format(name=name, more=more) + "## One\n\n" + "\n".join(steps)


def step(identity: str, words: str, *blocks: tuple[str, str], text: str = "") -> str:
    fenced = "".join(f"```sh {{{use}={identity}}}\n{body}\n```\n\n" for use, body in blocks)
    return f"### Step {identity}\n\n```yaml step\nid: {identity}\n{words}\n```\n\n{text}\n\n{fenced}"


class Site:
    """Runbooks, a host and an incident below one temporary directory."""

    def __init__(
        self, tmp_path: Path, text: str, answers: Mapping | None = None, world: FakeWorld | None = None
    ) -> None:
        self.books = tmp_path / "runbooks"
        self.books.mkdir(exist_ok=True)
        (self.books / "test.md").write_text(text, "utf-8")
        self.host = tmp_path / "host"
        self.host.mkdir(exist_ok=True)
        self.world = world or FakeWorld(self.host)
        self.answers = {**EVERYTHING, **(answers or {})}
        self.said: list[str] = []
        self.folder = create(tmp_path / "incidents", self.world.clock)
        with self.incident() as incident:
            values = {"mta": "postfix", "debian": "12", "have_credentials": "yes"}
            occasion = Occasion(runbook="test", title="Test", host="mx1", values=values)
            begin(incident, collect(["test"], self.books), occasion)

    @classmethod
    def again(cls, tmp_path: Path) -> "Site":
        """The same site in another process, which finds the incident where the first one left it."""
        site = cls.__new__(cls)
        site.books, site.host = tmp_path / "runbooks", tmp_path / "host"
        site.world, site.answers, site.said = FakeWorld(site.host), dict(EVERYTHING), []
        site.folder = next((tmp_path / "incidents").glob("INC-*-0001"))
        return site

    def incident(self) -> Incident:
        return Incident(self.folder, self.world.clock, ANNA)

    def engine(self, incident: Incident) -> Engine:
        names = [pin.name for pin in incident.state.runbooks] or ["test"]
        return Engine(
            Desk(
                incident,
                collect(names, self.books),
                self.world,
                Questions(Scripted(self.answers, self.said.append)),
            )
        )

    def next(self):
        with self.incident() as incident:
            engine = self.engine(incident)
            step = engine.next_step()
            return None if step is None else (step.id, engine.run(step).result)

    def run_all(self, most: int = 50):
        """Every step until nothing is left or something is not ok."""
        done = []
        for _ in range(most):
            one = self.next()
            if one is None:
                break
            done.append(one)
            if one[1] is not Progress.OK:
                break
        return done

    @property
    def state(self) -> State:
        with self.incident() as incident:
            return incident.state

    @property
    def kinds(self) -> list[str]:
        with self.incident() as incident:
            return [entry.kind for entry in incident.journal.entries]
