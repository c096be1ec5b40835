"""Certificates as servers present them, read with cryptography and judged by nobody here."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import ExtensionOID

from auditor.evidence.tls_trials import TlsDoor
from auditor.model import Observation

MAX_NAMES = 200
"""Names kept of one certificate; those of content networks have a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a check asks of a certificate."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """DNS names and addresses of the subject alternative name; the common name counts for nothing (RFC 9525)."""
    not_before: datetime
    not_after: datetime
    key: str
    """"RSA", "EC", "Ed25519" …"""
    bits: int
    signature_hash: str
    """"sha256"; empty where the scheme has none of its own, as with Ed25519."""

    @property
    def self_signed(self) -> bool:
        """Nobody else vouches for it."""
        return self.subject == self.issuer

    @property
    def made_on_the_fly(self) -> bool:
        """Exim without a certificate makes one by itself that lives an hour, and then the next: none ever ends."""
        return self.self_signed and self.not_after - self.not_before <= timedelta(days=1)

    def covers(self, name: str) -> bool:
        """The name is in it; a star stands for exactly one left label (RFC 9525 section 6.3)."""
        name = name.lower().rstrip(".")
        _, _, parent = name.partition(".")
        return any(own == name or (parent and own == f"*.{parent}") for own in self.names)

    def days_left(self, at: datetime) -> float:
        """Until it expires; negative afterwards."""
        return (self.not_after - at).total_seconds() / 86_400


def read_certificate(der: bytes) -> Certificate | None:
    """None when these bytes are no certificate that can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecations, about a stranger's certificate
        try:
            return _read(x509.load_der_x509_certificate(der))
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType):
            return None


def _read(found: x509.Certificate) -> Certificate:
    key, bits = _key(found)
    return Certificate(
        subject=found.subject.rfc4514_string(),
        issuer=found.issuer.rfc4514_string(),
        names=_names(found),
        not_before=found.not_valid_before_utc.astimezone(UTC),
        not_after=found.not_valid_after_utc.astimezone(UTC),
        key=key,
        bits=bits,
        signature_hash=_hash(found),
    )


def _hash(found: x509.Certificate) -> str:
    try:
        algorithm = found.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "unknown"
    return algorithm.name if algorithm else ""


def _key(found: x509.Certificate) -> tuple[str, int]:
    match found.public_key():
        case rsa.RSAPublicKey() as key:
            return "RSA", key.key_size
        case ec.EllipticCurvePublicKey() as key:
            return "EC", key.key_size
        case dsa.DSAPublicKey() as key:
            return "DSA", key.key_size
        case key:
            return type(key).__name__.removesuffix("PublicKey"), 256


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return ()
    value = extension.value
    assert isinstance(value, x509.SubjectAlternativeName)
    names = [name.lower().rstrip(".") for name in value.get_values_for_type(x509.DNSName)]
    addresses = [str(ip_address(str(a))) for a in value.get_values_for_type(x509.IPAddress)]
    return (*names, *addresses)[:MAX_NAMES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """The certificate at one door, and what is wrong with it there."""

    door: TlsDoor
    certificate: Certificate | None
    """None where the suite was anonymous, or the bytes could not be read."""

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.door.address} port {self.door.port}"

    def facts(self, fault: str) -> Observation:
        """For the report."""
        found = self.certificate
        return {
            "address": self.door.address,
            "port": self.door.port,
            "fault": fault,
            "subject": found.subject if found else None,
            "issuer": found.issuer if found else None,
            "names": " ".join(found.names) if found else None,
            "not_after": found.not_after.isoformat() if found else None,
            "key": f"{found.key} {found.bits}" if found else None,
        }

    def faults(self, host: str, at: datetime) -> tuple[str, ...]:
        """Everything that keeps a client from trusting it, in the order of weight."""
        found = self.certificate
        if found is None:
            return ("no certificate that can be read",)
        faults = []
        if at > found.not_after:
            faults.append(f"expired on {found.not_after:%Y-%m-%d}")
        if at < found.not_before:
            faults.append(f"valid only from {found.not_before:%Y-%m-%d}")
        if not found.covers(host):
            names = f"names {' '.join(found.names[:3])} and not" if found.names else "does not name"
            faults.append(f"{names} {host}")
        if found.self_signed:
            faults.append("self-signed")
        elif self.door.session.verify_error and not faults:
            faults.append(f"not trusted: {self.door.session.verify_error}")
        return tuple(faults)


def presented(doors: Iterable[TlsDoor]) -> tuple[Presented, ...]:
    """The leaf of each chain, read."""
    return tuple(
        Presented(
            door=door,
            certificate=read_certificate(door.session.chain[0]) if door.session.chain else None,
        )
        for door in doors
    )


_LEAST = {"RSA": 2048, "DSA": 2048, "EC": 256}
_BROKEN_HASHES = frozenset({"md5", "sha1"})


def weaknesses(certificate: Certificate) -> tuple[str, ...]:
    """A key that is too short, a signature that can be forged (RFC 9325 section 4.5)."""
    found = []
    if certificate.bits < _LEAST.get(certificate.key, 0):
        found.append(f"a key of only {certificate.bits} bits ({certificate.key})")
    if certificate.signature_hash in _BROKEN_HASHES:
        found.append(f"a signature with {certificate.signature_hash.upper()}")
    return tuple(found)
