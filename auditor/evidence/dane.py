"""TLSA records of a mail host (RFC 6698, 7671, 7672) and what they match."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditor.evidence.certificates import read_certificate
from auditor.evidence.dns import Answer
from auditor.evidence.smtp import SmtpSessions, open_doors, unseen_doors
from auditor.evidence.tls import TlsSession
from auditor.model import Reason, Unavailable

DANE_TA, DANE_EE = 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlsa:
    """One record: certificate usage, selector, matching type, data in hexadecimal."""

    usage: int
    selector: int
    matching: int
    data: str

    @property
    def usable(self) -> bool:
        """SMTP knows DANE-TA and DANE-EE only (RFC 7672 section 3.1.3)."""
        return self.usage in (DANE_TA, DANE_EE) and self.selector in (0, 1) and self.matching in (0, 1, 2)

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data[:16]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsaRecords:
    """What senders with DANE find for port 25 of a host."""

    name: str
    """`_25._tcp.<host>`, or where its CNAME leads."""
    records: tuple[Tlsa, ...] = ()
    secure: bool = False
    """The validating resolver vouches for the TLSA answer; unsigned ones are ignored by senders."""
    host_secure: bool = False
    """It vouches for the addresses of the host too (RFC 7672 section 2.2.2)."""
    ttl: int = 0
    bogus: bool = False
    """The answer exists but does not validate: senders with DANE defer the mail."""


def read_tlsa(answer: Answer) -> tuple[Tlsa, ...]:
    """Parse the presentation form; what is no TLSA record is left out."""
    found = []
    for record in answer.records:
        parts = record.split(None, 3)
        if len(parts) == 4 and all(part.isdecimal() and len(part) < 4 for part in parts[:3]):
            usage, selector, matching = map(int, parts[:3])
            data = "".join(parts[3].split()).lower()
            found.append(Tlsa(usage=usage, selector=selector, matching=matching, data=data))
    return tuple(found)


def matches(record: Tlsa, chain: tuple[bytes, ...]) -> bool:
    """DANE-EE compares the leaf alone, DANE-TA any presented issuer. Names and expiry are not looked at here."""
    candidates = chain[:1] if record.usage == DANE_EE else chain[1:] or chain
    return record.usable and any(_matches(record, certificate) for certificate in candidates)


def _matches(record: Tlsa, certificate: bytes) -> bool:
    selected = certificate if record.selector == 0 else public_key(certificate)
    match record.matching:
        case 1:
            return hashlib.sha256(selected).hexdigest() == record.data
        case 2:
            return hashlib.sha512(selected).hexdigest() == record.data
        case _:
            return selected.hex() == record.data


def public_key(certificate: bytes) -> bytes:
    """SubjectPublicKeyInfo of a certificate, DER; b"" for what is none."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, x509.InvalidVersion):
        return b""


def satisfied(record: Tlsa, chain: tuple[bytes, ...], host: str, at: datetime) -> bool:
    """A sender with DANE accepts the chain by this record: DANE-TA also wants name and dates (RFC 7672 section 3.2)."""
    if not matches(record, chain):
        return False
    if record.usage == DANE_EE:
        return True
    leaf = read_certificate(chain[0])
    return leaf is not None and leaf.covers(host) and leaf.not_before <= at <= leaf.not_after


@dataclass(frozen=True, slots=True, kw_only=True)
class DaneView:
    """TLSA records beside what every address of the host presents on port 25."""

    refusing: tuple[str, ...]
    """Addresses where a sender with DANE does not deliver, and why."""
    met: tuple[Tlsa, ...]
    """Records that some address satisfies."""
    unseen: tuple[Unavailable, ...]


def compare(tlsa: TlsaRecords, sessions: SmtpSessions, host: str, at: datetime) -> DaneView:
    """Every door by itself: one wrong certificate among several addresses loses the mail that goes there."""
    refusing, met, unseen = [], {}, list(unseen_doors(sessions.doors))
    for door, session in open_doors(sessions.doors):
        if session.ended is not None and session.tls is None:
            unseen.append(session.ended)
        elif not session.offers_starttls:
            refusing.append(f"{door.where}: no STARTTLS, though TLSA records promise it")
        elif isinstance(session.tls, TlsSession):
            chain = session.tls.chain
            own = [record for record in tlsa.records if chain and satisfied(record, chain, host, at)]
            met.update(dict.fromkeys(own))
            if not own and any(record.usable for record in tlsa.records):
                refusing.append(f"{door.where}: the certificate matches no TLSA record")
        else:
            unseen.append(session.tls or Unavailable(Reason.TLS_FAILED, f"{door.where}: TLS was not tried"))
    return DaneView(refusing=tuple(refusing), met=tuple(met), unseen=tuple(unseen))


def vouched_for(records: TlsaRecords | Unavailable, chain: tuple[bytes, ...]) -> bool:
    """A secure DANE-EE record matches the leaf: name, date and signer do not count (RFC 7672 section 3.1.1)."""
    return (
        isinstance(records, TlsaRecords)
        and records.secure
        and any(record.usage == DANE_EE and matches(record, chain) for record in records.records)
    )
