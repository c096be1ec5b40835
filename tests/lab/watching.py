"""How tests of the laboratory look at a host: SMTP sessions, its listener, a mailbox outside, and patience."""

import contextlib
import smtplib
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from tests.lab.laboratory import Lab
from tests.lab.machine import Host

Session = TypeVar("Session", bound=smtplib.SMTP)
CANARY: Final = "box@canary.example"
_CANARY_V4: Final = "203.0.113.50"


def unit_of(release: str, mta: str) -> str:
    """The systemd unit whose processes are the mail program: not always the one with its name."""
    return "postfix@-" if (release, mta) == ("bookworm", "postfix") else mta


@contextlib.contextmanager
def session(lab: Lab, address: str, port: int = 25) -> Iterator[smtplib.SMTP]:
    """A greeted SMTP session from the vantage."""
    with lab.vantage.entered():
        smtp = connected(lambda: smtplib.SMTP(address, port, "vantage.example", timeout=20))
        with smtp:
            smtp.ehlo()
            yield smtp


def connected(connect: Callable[[], Session]) -> Session:
    """Come again for ten seconds where nobody listens: a daemon listens for IPv6 first, and Exim's re-executes itself at a reload."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return connect()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def serves(lab: Lab, host: Host, mailbox: str = "postmaster") -> bool:
    """A stranger can hand in mail for this mailbox. Debian's Sendmail has no postmaster until somebody adds one."""
    with session(lab, host.v4) as smtp:
        smtp.mail("")
        return smtp.rcpt(f"{mailbox}@{host.domain}")[0] == 250


def listener(host: Host) -> str:
    """The process that holds port 25, or nothing."""
    return host.sh("ss -Hltnp 'sport = :25' | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p' | head -1").strip()


def wait_for(true: Callable[[], object], what: str, *, seconds: float = 45) -> None:
    """Ask until it is so; fail with `what` after `seconds`. Long, for where nothing is promised about the time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


class Box:
    """Keeps what arrives, byte for byte."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.times: list[float] = []

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope.content)
        self.times.append(time.monotonic())
        return "250 collected"

    def moments(self, mark: str) -> list[float]:
        """When the messages with this text arrived, in seconds of a clock that never steps."""
        return [at for at, mail in zip(self.times, self.mails, strict=True) if mark.encode() in mail]

    def has(self, mark: str) -> bool:
        """Whether a message with this text arrived."""
        return any(mark.encode() in mail for mail in self.mails)


@contextlib.contextmanager
def canary_box(lab: Lab) -> Iterator[Box]:
    """canary.example, which collects every mail."""
    from aiosmtpd.controller import Controller  # noqa: PLC0415 - slow, and conftest.py imports this for every test

    station = lab.station("canary", _CANARY_V4)
    lab.zone("canary.example", [f"@ A {station.v4}", "@ MX 10 @"])
    lab.names.reverse({station.v4: "canary.example"})
    box = Box()
    controller = Controller(box, hostname=station.v4, port=25)
    with station.entered():
        controller.start()
    yield box
    controller.stop()
