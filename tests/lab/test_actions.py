"""Every change that a runbook makes by commands, on real mail hosts: done, done again, seen, taken back twice, compared.

The blocks come out of the runbooks themselves, with their values as the engine passes them, so that a step that
somebody adds is tried here without a word. What restarts, kills, lets go or deletes has no way back: test_books.py.
"""

import re
from collections.abc import Callable, Iterator

import pytest

from auditor.runbook import condition
from auditor.runbook.format import Danger, Kind, Step, Use
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.follower import BOOKS, DEBIAN, Follower
from tests.lab.machine import Host
from tests.lab.net import RESOLVERS
from tests.lab.test_account import waiting
from tests.lab.watching import unit_of, wait_for

pytestmark = pytest.mark.lab

MAIL_PORTS = {25, 465, 587}
VALUES = {"duty_mailbox": "admin", "good_resolver": RESOLVERS[0], "mail_canary": "admin@example.org"}
MADE_ANEW = re.compile(
    r"-$|\.db$|^/etc/mail/(sendmail|submit)\.cf(\.errors)?$|^/etc/mail/(Makefile|databases)$"
)
"""Files that hold a date, or the copy that usermod(8) makes of the one before."""
MOVES_MAIL = {"hold-all", "hold-account"}
"""They change what is queued, and here nothing is: the next test holds mail."""
ELSEWHERE = {("storage-loss", "fetch")}
"""It needs a backup in another place, which test_backup.py has."""
NOTHING_TO_DO = {("program-limit", "sendmail"), ("create", "exim4"), ("create", "opensmtpd")}
"""Debian's Sendmail brings the limits along; the role addresses are missing in test_books.py."""


def changes(release: str, mta: str) -> Iterator[tuple[str, Step]]:
    """Every step of every runbook that runs commands on this platform and has a way back."""
    facts: dict[str, condition.Scalar] = {"mta": mta, "debian": DEBIAN[release], "dovecot": True}
    for book in sorted(path.stem for path in BOOKS.glob("[a-z]*.md") if path.stem != "frame"):
        for step in Follower.steps_of(book).values():
            words = step.words
            wanted = words.kind is Kind.COMMAND and words.danger is Danger.REVERSIBLE
            wanted = wanted and (book, step.id) not in ELSEWHERE
            if wanted and (
                not words.when or condition.holds(condition.parse(words.when), facts.get) is not False
            ):
                yield book, step


def concerns(step: Step, release: str, mta: str) -> bool:
    """Whether it has commands for this mail program; what is the same for all is tried on one host of a release."""
    blocks = (step.shell(use, mta, DEBIAN[release]) for use in Use)
    return mta == "opensmtpd" or any(block.mtas for block in blocks if block is not None)


def again(step: Step, release: str, mta: str) -> bool:
    """Whether a second attempt is worth its seconds: on one release, and on the other where that has its own commands."""
    return release == "bookworm" or text(step, "bookworm", mta) != text(step, "trixie", mta)


def text(step: Step, release: str, mta: str) -> str:
    """Its commands: two runbooks may share a step, which is tried once."""
    blocks = (step.shell(use, mta, DEBIAN[release]) for use in Use)
    return "\n".join(block.text for block in blocks if block is not None)


def public(host: Host) -> set[int]:
    """The mail ports that answer somebody else than the host itself."""
    table = host.run("ss -ltnH").stdout.split("\n")
    taken = [line.split()[3] for line in table if line]
    return {
        int(address.rpartition(":")[2]) for address in taken if not address.startswith(("127.", "[::1]"))
    } & MAIL_PORTS


def state(host: Host) -> dict[str, object]:
    """What a way back must bring back: every file of /etc byte for byte, what is masked, filtered and answers."""
    files = host.sha(["/etc", "/run/systemd/system"])
    masked = host.run("find /run/systemd/system -type l | sort; nft list tables; getent shadow").stdout
    return {
        **{path: digest for path, digest in files.items() if not MADE_ANEW.search(path)},
        "masks, tables and accounts": masked,
        "ports": host.listening() - {22},
        "public": public(host),
    }


def differences(one: dict[str, object], other: dict[str, object]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


SEEN: dict[str, Callable[[Host], bool]] = {
    "stop-accepting": lambda host: not public(host),
    "stop-mailboxes": lambda host: not {143, 993} & host.listening(),
}


def tried(host: Host, release: str, book: str, step: Step) -> str:
    """What is wrong with one step on this host; empty when nothing is."""
    follower = Follower(host, release, book, **VALUES)
    before = state(host)
    host.run(
        "systemctl reset-failed"
    )  # nobody restarts a mail program six times in ten seconds, as this test does
    try:
        times = 2 if again(step, release, host.mta) else 1
        for _ in range(times):
            follower.must(step.id, Use.DO)
        if follower.has(step.id, Use.VERIFY):
            wait_for(
                lambda: follower.run(step.id, Use.VERIFY).returncode == 0, "its verify block", seconds=30
            )
        if step.id in SEEN:
            wait_for(lambda: SEEN[step.id](host), "what it is for", seconds=30)
        if step.id not in MOVES_MAIL and (step.id, host.mta) not in NOTHING_TO_DO:
            assert differences(before, state(host)), "it changes nothing"
        if "systemctl mask" in text(step, release, host.mta):
            host.run(f"systemctl start {unit_of(release, host.mta)} dovecot")
            assert step.id not in SEEN or SEEN[step.id](host), "somebody else starts it again"
        for _ in range(times):
            follower.must(step.id, Use.UNDO)
        wait_for(lambda: not differences(before, state(host)), "the state of before", seconds=30)
    except AssertionError as error:
        left = differences(before, state(host))
        follower.run(step.id, Use.UNDO)
        return f"{book} {step.id}: {error}; different: {left}"
    return ""


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_every_change_holds_and_its_way_back_leaves_no_trace(mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta)
    steps = {
        text(step, release, mta): (book, step)
        for book, step in changes(release, mta)
        if concerns(step, release, mta)
    }
    assert len(steps) >= 9
    assert [wrong for book, step in steps.values() if (wrong := tried(host, release, book, step))] == []


def queued(host: Host) -> str:
    """The queue as its own program lists it."""
    listing = {
        "postfix": "postqueue -j",
        "exim4": "exim4 -bp",
        "opensmtpd": "smtpctl show queue",
        "sendmail": "sendmail-mta -bp; sendmail-mta -bp -qQ",
    }
    return host.run(listing[host.mta]).stdout


def enqueue(host: Host) -> None:
    """One message to a place that cannot be reached. Sendmail takes it without looking the domain up."""
    command = {"sendmail": "sendmail-mta -Am -odq -f admin@spam.example b1@foreign.example"}.get(
        host.mta, "sendmail -f admin@spam.example 'b1@[192.0.2.77]'"
    )
    if host.mta == "exim4":  # accepts no address literal
        command = "sendmail -f admin@spam.example b1@foreign.example"
    host.run(f"printf 'Subject: x\\n\\nx\\n' | {command}", check=True)


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_held_mail_stays_in_a_queue_run_and_goes_only_when_it_is_named(
    mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta)
    follower = Follower(host, release, "open-relay")
    before = state(host)
    assert waiting(host) == 0
    if mta == "exim4":  # its hold is a rule for domains, so it meets what comes after it too
        follower.must("hold-all", Use.DO)
    enqueue(host)
    follower.must("hold-all", Use.DO)
    follower.must("hold-all", Use.DO)
    run = {
        "postfix": "postqueue -f",
        "exim4": "exim4 -q",
        "opensmtpd": "smtpctl schedule all || true",
        "sendmail": "sendmail-mta -q",
    }
    host.run(run[mta])
    assert "<> *** frozen" not in queued(host)
    assert re.search(r"b1@(\[192\.0\.2\.77\]|foreign\.example)", queued(host))
    follower.must(
        "purge", Use.DO, host.sh(IDS[mta])
    )  # as in the runbook: once let go, it may go while it is listed
    wait_for(lambda: waiting(host) == 0, "an empty queue")
    follower.must("hold-all", Use.UNDO)
    wait_for(lambda: not differences(before, state(host)), "the state of before", seconds=30)
    wait_for(lambda: 25 in host.listening(), "port 25", seconds=30)


IDS = {
    "postfix": """postqueue -j | sed -n 's/.*"queue_id": "\\([0-9A-Za-z]*\\)".*/\\1/p'""",
    "exim4": "exipick -i",
    "opensmtpd": "smtpctl show queue | cut -d '|' -f 1",
    "sendmail": "find /var/spool/mqueue -name '[hq]f*' -printf '%f\\n' | cut -c 3-",
}
