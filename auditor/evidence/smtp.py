"""What an SMTP server says in a session, in the protocol's own words."""

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.evidence.reply import Reply
from auditor.evidence.tls import TlsSession
from auditor.model import Unavailable


def extensions(hello: Reply) -> dict[str, str]:
    """Keyword in capitals -> parameters, from an EHLO reply (RFC 5321 section 4.1.1.1)."""
    found: dict[str, str] = {}
    for line in hello.lines[1:]:
        keyword, _, parameters = line.strip().partition(" ")
        if keyword.upper().startswith("AUTH="):  # the form of 1997, still sent for old clients
            keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}".strip()
        found.setdefault(keyword.upper(), parameters)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """MAIL and RCPT for one recipient, and what came of it. DATA only with the operator's consent."""

    sender: str
    recipient: str
    mail: Reply | Unavailable
    rcpt: Reply | Unavailable | None = None
    """None when MAIL was refused already."""
    data: Reply | Unavailable | None = None
    """The reply to the end of the message, or the one that ended the attempt to hand it over."""

    @property
    def decisive(self) -> Reply | Unavailable:
        """The last reply there is: the one that decided about this recipient."""
        return self.data or self.rcpt or self.mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One connection: greeting, EHLO, a transaction, STARTTLS, EHLO again, a transaction again."""

    local: str
    """Our own address on this connection."""
    implicit_tls: bool = False
    banner: Reply
    hello: Reply
    """EHLO before STARTTLS; on a port with implicit TLS the only one."""
    transaction: Transaction | None = None
    starttls: Reply | Unavailable | None = None
    """None where it was not offered."""
    tls: TlsSession | Unavailable | None = None
    hello_tls: Reply | Unavailable | None = None
    transaction_tls: Transaction | None = None
    questions: tuple[tuple[str, Reply | Unavailable], ...] = ()
    """VRFY and EXPN, as asked."""
    ended: Unavailable | None = None
    """Why the session broke off before all was asked."""
    seconds: tuple[tuple[str, float], ...] = ()
    """How long the server took for each step."""

    @property
    def offers_starttls(self) -> bool:
        """STARTTLS stands in the list of extensions in clear."""
        return "STARTTLS" in extensions(self.hello)

    @property
    def answered_all(self) -> bool:
        """VRFY and EXPN were asked and answered, whatever with."""
        return bool(self.questions) and all(isinstance(answer, Reply) for _, answer in self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One port of one address, and the session that was had there."""

    address: str
    port: int
    session: Session | Unavailable

    @property
    def where(self) -> str:
        """For people: "198.51.100.10 port 25"."""
        return f"{self.address} port {self.port}"


def open_doors(doors: tuple[Door, ...]) -> Iterator[tuple[Door, Session]]:
    """Those at which there was a session."""
    return ((door, door.session) for door in doors if isinstance(door.session, Session))


def unseen_doors(doors: tuple[Door, ...]) -> tuple[Unavailable, ...]:
    """Why there was none at the others."""
    return tuple(door.session for door in doors if isinstance(door.session, Unavailable))


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSessions:
    """Port 25 of every address, where other mail servers knock. At least one of them answered."""

    doors: tuple[Door, ...]

    @property
    def message_taken(self) -> bool:
        """A whole message was handed over, with the operator's consent, and taken."""
        return any(
            transaction is not None and isinstance(transaction.data, Reply) and transaction.data.positive
            for _, session in open_doors(self.doors)
            for transaction in (session.transaction, session.transaction_tls)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSessions:
    """Ports 587 and 465 of every address, where users hand in their mail. None of them need answer."""

    doors: tuple[Door, ...]
