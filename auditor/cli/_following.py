"""Wire one incident: where it is kept, who works on it, which host it is about."""

import getpass
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor import data
from auditor.cli._exits import Exit
from auditor.cli._operator import BadAnswers, operator, say
from auditor.model import SshTarget
from auditor.net import CannotLook
from auditor.runbook import incident as incidents
from auditor.runbook.beside import Beside
from auditor.runbook.book import Edited, collect
from auditor.runbook.clock import SystemClock
from auditor.runbook.desk import Desk, NotPossible
from auditor.runbook.display import escaped
from auditor.runbook.engine import Engine
from auditor.runbook.incident import Incident, NoSuchIncident
from auditor.runbook.journal import NAME, Author, Busy, Unwritable, read
from auditor.runbook.library import NoSuchRunbook
from auditor.runbook.operator import NoAnswer, Questions
from auditor.runbook.parse import Malformed
from auditor.runbook.site import Site
from auditor.runbook.state import State
from auditor.runbook.values import NotThatType
from auditor.transport.inventory import BadInventory
from auditor.transport.remote import CannotReach
from auditor.transport.signature import CannotSign

USAGE = (
    NoSuchIncident, NoSuchRunbook, Malformed, Busy, BadAnswers, BadInventory, NotThatType, CannotLook, LookupError, OSError, ValueError,
)  # fmt: skip
INTERRUPTED = 130


def runbook_folder() -> Path:
    """$AUDITOR_RUNBOOKS, or the runbooks that came with this installation."""
    named = os.environ.get("AUDITOR_RUNBOOKS")
    return Path(named) if named else data.directory("runbooks")


def root() -> Path:
    """Where incidents are kept: $AUDITOR_INCIDENTS, else ./incidents."""
    return Path(os.environ.get("AUDITOR_INCIDENTS", "incidents"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every command that writes takes."""

    incident: str | None
    answers: Path | None
    actor: str | None
    role: str
    dry_run: bool = False

    def author(self) -> Author:
        """Who writes: the login name, and the machine it was typed on."""
        actor = self.actor or getpass.getuser()
        return Author(actor=escaped(actor), role=self.role, src=f"{getpass.getuser()}@{socket.gethostname()}")


@contextmanager
def engine(asked: Asked, *, beside: bool = False) -> Iterator[Engine]:
    """The engine of one incident, with its lock held. Raises what refusing() turns into sentences.

    With `beside`, where somebody else holds the lock, one that writes into a journal of one's own.
    """
    folder = incidents.find(root(), asked.incident)
    with _opened(folder, asked.author(), beside=beside) as incident:
        state = opened(folder, incident.state)
        book = collect([pin.name for pin in state.runbooks], runbook_folder(), state.hosts)
        worlds = {host: site_of(incident, host) for host in state.hosts or (state.host,)}
        try:
            yield Engine(
                Desk(
                    incident, book, worlds[state.host], Questions(operator(asked.answers)), dry=asked.dry_run,
                    worlds=worlds if state.hosts else {},
                )
            )  # fmt: skip
        finally:
            for site in worlds.values():
                site.remote.close()


def opened(folder: Path, state: State) -> State:
    """The same state; raises NoSuchIncident when nobody has opened this incident to its end."""
    if not state.opened:
        raise NoSuchIncident(
            f"{folder} holds no incident: it was interrupted while it was opened; open a new one"
        )
    return state


@contextmanager
def _opened(folder: Path, author: Author, *, beside: bool) -> Iterator[Incident]:
    with ExitStack() as stack:
        try:
            incident = stack.enter_context(Incident(folder, SystemClock(), author))
        except Busy:
            if not beside:
                raise
            incident = stack.enter_context(Beside(folder, SystemClock(), author))
            say(f"Somebody else follows this incident: written into {incident.journal.name}.", sys.stderr)
        yield incident


def site_of(incident: Incident, host: str) -> Site:
    """A host as it was named when the incident was opened."""
    told = next(entry.data for entry in read(incident.folder / NAME) if entry.kind == "open")
    own = next((one["connection"] for one in told.get("hosts", ()) if one["name"] == host), None)
    connection: Mapping[str, Any] = own or told.get("connection") or {"host": host}
    inventory = told.get("inventory")
    return Site(
        host=host,
        target=SshTarget(**connection),
        folder=incident.folder,
        inventory=Path(inventory) if inventory else None,
    )


def _sentence(error: BaseException) -> str:
    if isinstance(error, CannotLook):
        return error.detail
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error.args[0] if isinstance(error, KeyError) else error)


@contextmanager
def refusing() -> Iterator[None]:
    """One clear sentence on standard error, and the exit code of design 3."""
    try:
        yield
    except NoAnswer as error:
        say(f"auditor: nobody answered: {escaped(str(error))}", sys.stderr)
        raise SystemExit(Exit.INCOMPLETE) from None
    except (CannotReach, CannotSign, Unwritable) as error:
        say(f"auditor: {escaped(str(error))}", sys.stderr)
        raise SystemExit(Exit.INCOMPLETE) from None
    except (NotPossible, Edited) as error:
        say(f"auditor: {escaped(str(error))}", sys.stderr)
        raise SystemExit(Exit.FINDINGS) from None
    except USAGE as error:
        say(f"auditor: {escaped(_sentence(error))}", sys.stderr)
        raise SystemExit(Exit.USAGE) from None
    except KeyboardInterrupt:
        say("\nauditor: interrupted; `auditor incident resume` goes on", sys.stderr)
        raise SystemExit(INTERRUPTED) from None
