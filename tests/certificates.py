"""Certificates as evidence: made on the spot, valid around the time at which scripted scans take place."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from auditor.evidence.tls import TlsSession

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def leaf(
    *names: str,
    days: float = 60,
    age: float = 400,
    issuer: str = "Lab CA",
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> bytes:
    """DER of a certificate for these names, `days` from its end. With its own first name as issuer: self-signed."""
    key = key or ec.generate_private_key(ec.SECP256R1())

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(name(names[0]))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=age))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def session(der: bytes | None, *, trusted: bool = True, version: str = "TLSv1.3") -> TlsSession:
    """A handshake that presented it."""
    return TlsSession(
        version=version,
        cipher="TLS_AES_256_GCM_SHA384",
        bits=256,
        chain=() if der is None else (der,),
        verify_error=None if trusted else "no path to a trusted root",
    )
