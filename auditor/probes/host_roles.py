"""What a host is for."""

from auditor.evidence.access import AccessGreetings
from auditor.evidence.roles import HostRoles, Role
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions, open_doors
from auditor.model import Host, Unavailable


async def host_roles(
    host: Host,
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    access: AccessGreetings | Unavailable,
) -> HostRoles:
    """As the inventory says, else guessed from what answers."""
    known = {role.value: role for role in Role}
    said = tuple(known[word] for word in host.declared.roles if word in known)
    if said:
        return HostRoles(roles=said, declared=True)
    guessed = []
    if host.domains or isinstance(smtp, SmtpSessions):
        guessed.append(Role.MX)
    if isinstance(submission, SubmissionSessions) and any(open_doors(submission.doors)):
        guessed.append(Role.SUBMISSION)
    if isinstance(access, AccessGreetings) and any(access.answered):
        guessed.append(Role.MAILBOX)
    return HostRoles(roles=tuple(guessed), declared=False)
