"""What a TLS handshake showed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSession:
    """Facts of one completed handshake. That it completed says nothing about trust: see verify_error."""

    version: str
    """"TLSv1.2", "TLSv1.3" …"""
    cipher: str
    bits: int
    chain: tuple[bytes, ...] = ()
    """Certificates as presented, DER, leaf first. Empty for an anonymous suite."""
    verify_error: str | None = None
    """Why the chain is not trusted for the asked name by this machine's roots; None when it is."""
