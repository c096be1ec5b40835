"""How to log in to a host of the laboratory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Ssh:
    """What an SSH client needs. `known_hosts` holds the host's true key under its name and both addresses."""

    address: str
    port: int
    key: Path
    known_hosts: Path
    users: tuple[str, str, str] = ("root", "admin", "nosudo")

    def argv(self, user: str, command: Sequence[str] = ()) -> list[str]:
        """An OpenSSH command line that verifies the host key and asks nothing."""
        options = (
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={self.known_hosts}",
            "ConnectTimeout=5",
        )
        flags = [part for option in options for part in ("-o", option)]
        return [
            "ssh",
            "-F",
            "none",
            "-i",
            str(self.key),
            *flags,
            "-p",
            str(self.port),
            f"{user}@{self.address}",
            *command,
        ]
