"""Which keys an SSH login offers, in which order: the named file, the agent's, the usual files. Never a password."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import paramiko
from paramiko.auth_strategy import AuthFailure, AuthStrategy, InMemoryPrivateKey, SourceResult
from paramiko.pkey import UnknownKeyType

USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")


def read_key(path: str) -> paramiko.PKey:
    """The private key in a file. Raises PasswordRequiredException, SSHException or OSError.

    paramiko's own loader tries each class in turn and reports the last class's complaint instead of the right one's.
    """
    try:
        return paramiko.PKey.from_path(path)
    except TypeError as error:  # what cryptography raises for an encrypted key without a password
        raise paramiko.PasswordRequiredException(path) from error
    except (ValueError, UnknownKeyType) as error:
        raise paramiko.AuthenticationException(f"{path} is no private key that can be read") from error


class KeyRing(AuthStrategy):
    """Offers keys one after the other. Raises PasswordRequiredException where only a locked one was left."""

    def __init__(self, user: str, files: tuple[str, ...], *, only_files: bool, home: Path) -> None:
        super().__init__(ssh_config=paramiko.SSHConfig())
        self._user, self._files, self._only_files, self._home = user, files, only_files, home
        self._locked: str | None = None

    def get_sources(self) -> Iterator[InMemoryPrivateKey]:
        """Keys of named files first, for a server allows few attempts and the agent may hold many."""
        yield from self._from(self._files)
        if not self._only_files or self._locked:
            agent = paramiko.Agent()
            try:
                for held in agent.get_keys():
                    yield InMemoryPrivateKey(self._user, held)
            finally:
                agent.close()
        if not self._files:
            yield from self._from(
                str(path) for name in USUAL if (path := self._home / ".ssh" / name).is_file()
            )

    def _from(self, paths: Iterator[str] | tuple[str, ...]) -> Iterator[InMemoryPrivateKey]:
        for path in paths:
            with suppress(paramiko.PasswordRequiredException):
                self._locked, locked_before = path, self._locked
                key = read_key(path)
                self._locked = locked_before
                yield InMemoryPrivateKey(self._user, key)

    def authenticate(self, transport: paramiko.Transport) -> list[SourceResult]:
        """Log in, or say what was in the way."""
        try:
            return super().authenticate(transport)
        except AuthFailure as failure:
            if not transport.is_active():
                raise ConnectionResetError("hung up during authentication") from failure
            if self._locked is not None:
                raise paramiko.PasswordRequiredException(self._locked) from failure
            raise
