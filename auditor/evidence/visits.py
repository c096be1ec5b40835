"""What was asked at each port in one go. Not for checks: the evidence that they read is taken out of it."""

from dataclasses import dataclass
from typing import ClassVar

from auditor.evidence.access import AccessDoor
from auditor.evidence.relay import Phase
from auditor.evidence.role_addresses import RoleReplies
from auditor.evidence.smtp import Door
from auditor.evidence.synchronisation import Injected
from auditor.model import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """One port of one address."""

    door: Door
    phases: tuple[Phase, ...] = ()
    """Attempts to relay, in clear and within TLS; none where nobody wanted to know, or from a trusted place."""
    injected: Injected | Unavailable | None = None
    """None where nobody wanted to know, and where there is no STARTTLS that works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpVisits:
    """Port 25 of every address."""

    transient: ClassVar[bool] = True
    doors: tuple[Visited, ...]
    roles: RoleReplies | None = None
    """Asked at the first door at which there was a session."""
    roles_at: str = ""
    """Its address."""
    roles_encrypted: bool = False
    """Asked within TLS, because the server insists on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionVisits:
    """Ports 587 and 465 of every address."""

    transient: ClassVar[bool] = True
    doors: tuple[Visited, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessVisits:
    """143, 110, 993 and 995 of every address."""

    transient: ClassVar[bool] = True
    doors: tuple[AccessDoor, ...]
