"""Whole SMTP sessions, at the ports for mail servers and for users, as the visits had them."""

from dataclasses import replace

from auditor.evidence.shut_out import CLOSED_OR_BANNED, ShutOut
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions, unseen_doors
from auditor.evidence.visits import SmtpVisits, SubmissionVisits
from auditor.model import Host, Reason
from auditor.net import CannotLook


async def smtp_sessions(host: Host, visits: SmtpVisits) -> SmtpSessions:  # noqa: ARG001 - says whose they are
    """Port 25 of every address. Raises CannotLook for the first of them when there was no session at any."""
    doors = tuple(visited.door for visited in visits.doors)
    unseen = unseen_doors(doors)
    if len(unseen) == len(doors):
        why = f"; {CLOSED_OR_BANNED}" if unseen[0].reason is Reason.REFUSED else ""
        raise CannotLook(unseen[0].reason, f"{unseen[0].detail}{why}")
    return SmtpSessions(doors=doors)


async def submission_sessions(
    host: Host,  # noqa: ARG001 - says whose they are
    visits: SubmissionVisits,
    shut: ShutOut,
) -> SubmissionSessions:
    """Ports 587 and 465 of every address. Where port 25 and both of these are refused nothing was seen."""
    doors = tuple(visited.door for visited in visits.doors)
    unseen = shut.unseen((door.address, door.port, door.session) for door in doors)
    return SubmissionSessions(
        doors=tuple(
            replace(door, session=unseen.get((door.address, door.port), door.session)) for door in doors
        )
    )
