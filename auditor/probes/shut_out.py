"""Whether a refused connection says that nothing listens."""

from auditor.evidence.roles import Role
from auditor.evidence.shut_out import ShutOut
from auditor.evidence.visits import SmtpVisits
from auditor.model import Host, Reason, Unavailable

SMTP_ROLES = frozenset({Role.MX, Role.SUBMISSION, Role.BACKUP_MX, Role.SMARTHOST})


async def shut_out(host: Host, smtp: SmtpVisits | Unavailable) -> ShutOut:
    """Addresses that refuse port 25. A host that is declared to be for something else may do so in peace."""
    if isinstance(smtp, Unavailable) or (host.declared.roles and not SMTP_ROLES & set(host.declared.roles)):
        return ShutOut(addresses=frozenset())
    doors = [visited.door for visited in smtp.doors]
    return ShutOut(
        addresses=frozenset(
            door.address
            for door in doors
            if isinstance(door.session, Unavailable) and door.session.reason is Reason.REFUSED
        )
    )
