"""Signatures by ssh-keygen(1), with a key that the operator has anyway; the format is OpenSSH's PROTOCOL.sshsig.

A passphrase is asked for by ssh-keygen itself, on the terminal; a key in an agent is named by its public half.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from msgspec import Struct

_PROGRAM: Final = "ssh-keygen"
_SECONDS: Final = 120
"""Long enough to type a passphrase."""


class CannotSign(RuntimeError):
    """Its text is the sentence for the user."""


class Signed(Struct, frozen=True, kw_only=True):
    """A good signature: what ssh-keygen calls the key, and whose it is by the file of signers ("" when it does not say)."""

    key: str
    signer: str = ""


def sign(key: Path, namespace: str, message: bytes) -> str:
    """The armoured signature of a message by a private key, or by the agent's half of a public one. Raises CannotSign."""
    ran = _run(["sign", "-q", "-n", namespace, "-f", str(key)], message)
    if ran.returncode != 0 or b"BEGIN SSH SIGNATURE" not in ran.stdout:
        raise CannotSign(f"{key} did not sign: {_last(ran.stderr)}")
    return ran.stdout.decode("ascii", "replace")


def verify(signature: str, namespace: str, message: bytes, signers: Path | None) -> Signed | None:
    """Who signed this message, or None when this is no signature of it. Raises CannotSign without ssh-keygen.

    `signers` is an allowed_signers file of ssh-keygen(1); its word on namespaces and dates of validity counts.
    """
    with tempfile.NamedTemporaryFile(prefix="auditor-", suffix=".sig") as file:
        file.write(signature.encode("utf-8", "replace"))
        file.flush()
        good = _run(["check-novalidate", "-n", namespace, "-s", file.name], message)
        if good.returncode != 0:
            return None
        key = _last(good.stdout).partition("signature with ")[2] or "a key without a name"
        if signers is None:
            return Signed(key=key)
        found = _run(["find-principals", "-s", file.name, "-f", str(signers)], b"")
        for signer in found.stdout.decode("utf-8", "replace").split("\n"):
            asked = ["verify", "-n", namespace, "-s", file.name, "-f", str(signers), "-I", signer]
            if signer and _run(asked, message).returncode == 0:
                return Signed(key=key, signer=signer)
    return Signed(key=key)


def _run(words: list[str], message: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            [_PROGRAM, "-Y", *words], input=message, capture_output=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError:
        raise CannotSign(f"{_PROGRAM} is not installed (package openssh-client)") from None
    except subprocess.TimeoutExpired:
        raise CannotSign(f"{_PROGRAM} did not end within {_SECONDS} seconds") from None


def _last(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it does not say why"
