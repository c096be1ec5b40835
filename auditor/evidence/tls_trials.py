"""What a server accepts that it should not, asked one outdated offer at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from auditor.evidence.access import AccessGreetings
from auditor.evidence.smtp import Door, Session, SmtpSessions, SubmissionSessions
from auditor.evidence.smtp_steps import why_no_tls
from auditor.evidence.tls import TlsSession
from auditor.model import Observation, Reason, Severity, Unavailable

SMTP_PORT = 25


class Offer(StrEnum):
    """What the client put into its hello."""

    OLD = "TLS 1.1 and older"
    """RFC 8996 forbids them."""
    WEAK = "ciphers without authentication, encryption or strength"
    """aNULL, eNULL, export, DES, RC4: as far as this machine's OpenSSL can still offer them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsTrial:
    """One offer at one door where a handshake of today succeeds."""

    address: str
    port: int
    offer: Offer
    result: TlsSession | Unavailable

    @property
    def accepted(self) -> bool:
        """The server went along."""
        return isinstance(self.result, TlsSession)

    @property
    def severity(self) -> Severity:
        """How bad it is that it was accepted: on 25 old TLS is better than none, and nobody checks who answers."""
        if self.port != SMTP_PORT:
            return Severity.HIGH
        anonymous = isinstance(self.result, TlsSession) and self.result.bits > 0
        return Severity.LOW if self.offer is Offer.WEAK and anonymous else Severity.MEDIUM

    @property
    def unseen(self) -> Unavailable | None:
        """Why the trial shows nothing. A handshake that fails or is hung up on is a refusal, which is right."""
        if isinstance(self.result, TlsSession) or self.result.reason in _REFUSED:
            return None
        return self.result

    @property
    def observation(self) -> Observation:
        """For the report; only of a trial that was accepted."""
        assert isinstance(self.result, TlsSession)
        return {
            "address": self.address,
            "port": self.port,
            "offered": self.offer.value,
            "accepted": f"{self.result.version} {self.result.cipher}",
        }


_REFUSED = frozenset({Reason.TLS_FAILED, Reason.CONNECTION_LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsTrials:
    """Every offer at every door that speaks TLS."""

    trials: tuple[TlsTrial, ...]


def worst_trial(accepted: tuple[TlsTrial, ...]) -> Severity:
    """The severity of the worst of them; there is at least one."""
    return min((trial.severity for trial in accepted), key=lambda severity: severity.rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsDoor:
    """One port at which a handshake succeeded, and what it showed."""

    address: str
    port: int
    session: TlsSession


def tls_doors(
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    access: AccessGreetings | Unavailable,
) -> tuple[tuple[TlsDoor, ...], tuple[Unavailable, ...]]:
    """Where there was a handshake, and why there was none where one was to be expected.

    A port at which nothing listens, and one that does not offer TLS, are no gaps: nothing is there to look at.
    """
    found = [
        *_of_smtp(smtp, lambda door, _: door.port == SMTP_PORT),
        *_of_smtp(submission, lambda _, reason: reason is not Reason.REFUSED),
        *_of_access(access),
    ]
    return (
        tuple(door for door in found if isinstance(door, TlsDoor)),
        tuple(reason for reason in found if isinstance(reason, Unavailable)),
    )


def _of_smtp(
    sessions: SmtpSessions | SubmissionSessions | Unavailable, is_gap: Callable[[Door, Reason], bool]
) -> Iterator[TlsDoor | Unavailable]:
    if isinstance(sessions, Unavailable):
        yield sessions
        return
    for door in sessions.doors:
        session = door.session
        if isinstance(session, Session) and isinstance(session.tls, TlsSession):
            yield TlsDoor(address=door.address, port=door.port, session=session.tls)
            continue
        why = why_no_tls(session) if isinstance(session, Session) else session
        if why is not None and is_gap(door, why.reason):
            yield why


def _of_access(access: AccessGreetings | Unavailable) -> Iterator[TlsDoor | Unavailable]:
    if isinstance(access, Unavailable):
        yield access
        return
    for door in access.doors:
        if isinstance(door.greeting, Unavailable):
            if door.greeting.reason is not Reason.REFUSED:
                yield door.greeting
        elif door.greeting.tls is not None:
            yield TlsDoor(address=door.address, port=door.port, session=door.greeting.tls)
