"""Whole SMTP sessions, at the ports for mail servers and for users, as the visits had them."""

from auditor.evidence.smtp import SmtpSessions, SubmissionSessions, unseen_doors
from auditor.evidence.visits import SmtpVisits, SubmissionVisits
from auditor.model import Host
from auditor.net import CannotLook


async def smtp_sessions(host: Host, visits: SmtpVisits) -> SmtpSessions:  # noqa: ARG001 - says whose they are
    """Port 25 of every address. Raises CannotLook for the first of them when there was no session at any."""
    doors = tuple(visited.door for visited in visits.doors)
    unseen = unseen_doors(doors)
    if len(unseen) == len(doors):
        raise CannotLook(unseen[0].reason, unseen[0].detail)
    return SmtpSessions(doors=doors)


async def submission_sessions(
    host: Host,  # noqa: ARG001 - says whose they are
    visits: SubmissionVisits,
) -> SubmissionSessions:
    """Ports 587 and 465 of every address."""
    return SubmissionSessions(doors=tuple(visited.door for visited in visits.doors))
