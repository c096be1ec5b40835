"""Certificates as the files have them, to compare with what is served."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatesOnDisk:
    """(path, SHA-256 of the first certificate in it, hexadecimal) of the files that mail programs are told to use."""

    files: tuple[tuple[str, str], ...] = ()
    in_memory: bool = False
    """Exim without tls_certificate makes a certificate of its own at every start."""


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate, hexadecimal."""
    return hashlib.sha256(der).hexdigest()
