"""What a host is for. It decides what is right on it: a public MX must not ask for TLS, a null client not listen."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Words of mail_roles in the inventory."""

    MX = "mx"
    SUBMISSION = "submission"
    MAILBOX = "mailbox"
    BACKUP_MX = "backup-mx"
    SMARTHOST = "smarthost"
    NULL_CLIENT = "null-client"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRoles:
    """What the host is for, and whether somebody said so or it was guessed from what it serves."""

    roles: tuple[Role, ...]
    declared: bool

    def serves(self, *roles: Role) -> bool:
        """Has one of these roles."""
        return any(role in self.roles for role in roles)
